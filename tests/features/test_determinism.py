"""The same purchases give the same features, bit for bit, whatever the run, the order or the threads."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at, snapshot

LINES = 300_000  # More than the engine gives to one thread at a time.


@pytest.mark.slow
def test_large_sums_are_the_same_at_every_run() -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(0, 700, LINES)
    lines = pd.DataFrame(
        {
            "customer_id": rng.integers(0, 500, LINES),
            "timestamp": pd.Timestamp("2019-01-01") + pd.to_timedelta(days, unit="D"),
            "amount": np.round(rng.lognormal(3, 2, LINES), 2),
        }
    )
    log = read_transactions(lines)
    other = read_transactions(lines.sample(frac=1, random_state=1))
    log.connection.raw_sql("SET threads = 7")
    pd.testing.assert_frame_equal(other.events.execute(), log.events.execute(), check_exact=True)
    cutoff = dt.date(2020, 10, 1)
    expected = features_at(log, cutoff, 60)
    pd.testing.assert_frame_equal(features_at(other, cutoff, 60), expected, check_exact=True)
    labelled = snapshot(log, cutoff, 60)
    pd.testing.assert_frame_equal(snapshot(other, cutoff, 60), labelled, check_exact=True)
    pd.testing.assert_frame_equal(labelled[expected.columns], expected, check_exact=True)
