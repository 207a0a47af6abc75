"""Rhythm by hand; nothing after the cutoff is read."""

from __future__ import annotations

import datetime as dt
import math

import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.features.rhythm import rhythm_at
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams

NAN = math.nan
CUTOFF = dt.date(2021, 3, 31)
# Days before the cutoff.
PURCHASES = {
    "once": [100],
    "twice": [150, 10],
    "came back": [300, 290, 270, 40, 35],  # gaps 10, 20, 230, 5
    "equal gaps": [95, 65, 35, 5],
    "today": [90, 0],
    "same day": [20, 20],
}
EXPECTED = {  # recent, earlier, usual, longest, since return
    "once": (0, 1, NAN, NAN, NAN),
    "twice": (1, 1, NAN, 140, 10),
    "came back": (2, 0, 10, 230, 40),
    "equal gaps": (3, 1, 30, 30, 5),
    "today": (1, 1, NAN, 90, 0),
    "same day": (1, 0, NAN, NAN, NAN),
}
COLUMNS = ["purchases_recent", "purchases_earlier", "gap_usual", "gap_longest", "days_since_return"]


def lines(later: int = 0) -> pd.DataFrame:
    rows = [(name, CUTOFF - dt.timedelta(days=age), 1.0) for name, ages in PURCHASES.items() for age in ages]
    rows += [(name, CUTOFF + dt.timedelta(days=1 + i), 9.0) for name in PURCHASES for i in range(later)]
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
    return table.assign(timestamp=pd.to_datetime(table["timestamp"]) + pd.Timedelta(hours=23))


@pytest.mark.parametrize("later", [0, 2])
def test_rhythm_by_hand(later):
    log = read_transactions(lines(later))
    table = rhythm_at(log, CUTOFF, 90)
    assert table["customer_id"].tolist() == sorted(PURCHASES)
    for name, values in EXPECTED.items():
        row = table.set_index("customer_id").loc[name, COLUMNS].tolist()
        assert row == pytest.approx(list(values), nan_ok=True), name
    assert (table[COLUMNS].dtypes == "float64").all()


@pytest.mark.parametrize("grain", ["D", "W", "M"])
def test_counts_and_longest_gap_are_those_of_the_behaviour_features(grain):
    log = read_transactions("cdnow-sample", DataParams(event_grain=grain))
    cutoff = dt.date(1998, 2, 11)
    rhythm, features = rhythm_at(log, cutoff, 90), features_at(log, cutoff, 60)
    assert rhythm["customer_id"].tolist() == features["customer_id"].tolist()
    for name, other in [
        ("purchases_recent", "purchases_90"),
        ("purchases_earlier", "purchases_before_90"),
        ("gap_longest", "gap_longest"),
    ]:
        pd.testing.assert_series_equal(rhythm[name], features[other], check_names=False)
