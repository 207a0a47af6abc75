"""No event after the cutoff changes a feature; outcomes read their window and nothing else."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.features.snapshots import features_at, outcome_expression, snapshot
from guanxi.params import DataParams, override
from guanxi.pipeline.correction import BLEND
from guanxi.pipeline.fit import FittedModels, fit_models
from guanxi.served.model import to_json
from guanxi.simulation import simulate_transactions

CUTOFF = dt.date(2020, 3, 11)  # A Wednesday: the week and the month it lies in go on after it.
WINDOW = 30
WINDOW_END = CUTOFF + dt.timedelta(days=WINDOW)
REQUIRED = ["customer_id", "timestamp", "amount"]
COLUMNS = [*REQUIRED, "order_id", "quantity", "margin", "category", "channel"]
PAST = (dt.datetime(2018, 12, 1), dt.datetime(2020, 3, 11, 23, 59, 59))
INSIDE = (dt.datetime(2020, 3, 12), dt.datetime(2020, 4, 10, 23, 59, 59))
BEYOND = (dt.datetime(2020, 4, 11), dt.datetime(2020, 12, 31))


def lines(span: tuple[dt.datetime, dt.datetime], *, least: int = 0, most: int = 60) -> Any:
    row = st.tuples(
        st.sampled_from(["a", "b", "c", "d", "e", "f", None]),
        st.datetimes(*span),
        st.integers(-3000, 9000).map(lambda cents: cents / 100),
        st.sampled_from(["o1", "o2", "o3"]),
        st.integers(-2, 5),
        st.sampled_from([0.5, 1.0, None]),
        st.sampled_from(["x", "y", None]),
        st.sampled_from(["web", "shop"]),
    )
    return st.lists(row, min_size=least, max_size=most)


def read(rows: list[Any], params: DataParams, columns: list[str]) -> TransactionLog:
    sure = ("sure", dt.datetime(2019, 1, 1), 1.0, "o1", 1, 0.5, "x", "web")
    return read_transactions(pd.DataFrame([*rows, sure], columns=COLUMNS)[columns], params)


policies = st.builds(
    DataParams,
    refunds=st.sampled_from(["net", "drop", "reject"]),
    duplicates=st.sampled_from(["keep", "drop"]),
    event_grain=st.sampled_from(["D", "W", "M", "Y"]),
)
columns = st.sampled_from([COLUMNS, REQUIRED])


@settings(max_examples=3, deadline=None)
@given(
    past=lines(PAST, least=20),
    future=lines((INSIDE[0], BEYOND[1]), least=10),
    other=lines((INSIDE[0], BEYOND[1])),
    params=policies,
    chosen=columns,
    first=st.booleans(),
)
def test_events_after_the_cutoff_change_no_feature(
    past: list[Any], future: list[Any], other: list[Any], params: DataParams, chosen: list[str], first: bool
) -> None:
    """Deleted, replaced by others, before or behind the past in the file: the features stay, bit for bit."""
    expected = features_at(read(past, params, chosen), CUTOFF, WINDOW)
    for rows in (future + past if first else past + future, past + other):
        table = features_at(read(rows, params, chosen), CUTOFF, WINDOW)
        pd.testing.assert_frame_equal(table, expected, check_exact=True)


@settings(max_examples=3, deadline=None)
@given(
    past=lines(PAST, least=10),
    inside=lines(INSIDE, least=5),
    beyond=lines(BEYOND),
    params=policies,
)
@pytest.mark.slow
def test_outcomes_read_only_their_window(
    past: list[Any], inside: list[Any], beyond: list[Any], params: DataParams
) -> None:
    def outcomes(rows: list[Any]) -> pd.DataFrame:
        log = read(rows, params, COLUMNS)
        expression = outcome_expression(log.events, CUTOFF, WINDOW, params.event_grain)
        table: pd.DataFrame = expression.order_by("customer_id").execute()
        return table

    pd.testing.assert_frame_equal(outcomes(past + inside + beyond), outcomes(inside), check_exact=True)


def test_the_window_begins_after_the_cutoff_day_and_includes_its_last() -> None:
    times = {
        "cutoff": "2020-03-11 23:59:59",
        "first": "2020-03-12 00:00:00",
        "last": "2020-04-10 23:59:59",
        "after": "2020-04-11 00:00:00",
    }
    rows = [(name, "2020-01-01", 1.0) for name in times] + [(name, time, 2.0) for name, time in times.items()]
    log = read_transactions(pd.DataFrame(rows, columns=REQUIRED))
    table = snapshot(log, CUTOFF, WINDOW).set_index("customer_id")
    assert table["purchases"].to_dict() == {"cutoff": 0.0, "first": 1.0, "last": 1.0, "after": 0.0}
    assert table["spend"].to_dict() == {"cutoff": 0.0, "first": 2.0, "last": 2.0, "after": 0.0}
    assert table["churned"].to_dict() == {"cutoff": 1.0, "first": 0.0, "last": 0.0, "after": 1.0}
    assert table["frequency"].to_dict() == {"cutoff": 1.0, "first": 0.0, "last": 0.0, "after": 0.0}


def test_a_zero_amount_after_the_cutoff_is_no_churn() -> None:
    rows = [("a", "2020-01-01", 1.0), ("a", "2020-03-20", 0.0)]
    table = snapshot(read_transactions(pd.DataFrame(rows, columns=REQUIRED)), CUTOFF, WINDOW)
    assert table[["purchases", "spend", "churned"]].to_numpy().tolist() == [[1.0, 0.0, 0.0]]


LEARNT_BY = dt.date(2024, 9, 30)


@pytest.fixture(scope="module")
def three_years() -> pd.DataFrame:
    """Customers over three years, of whom some do not come in the summer."""
    ages = np.random.default_rng(5).uniform(100.0, 1090.0, 700)
    bg = {"r": 0.8, "alpha": 40.0, "a": 0.5, "b": 4.0}
    spend = {"p": 6.0, "q": 4.0, "v": 60.0}
    table = simulate_transactions("bg_nbd", bg, spend, n=700, T=ages, seed=5)
    first = ~table.duplicated("customer_id")
    summer = table["timestamp"].dt.month.isin([7, 8])
    return table[first | ~summer | (np.arange(len(table)) % 3 == 0)]


def all_that_was_learnt(fitted: FittedModels) -> str:
    corrections = [
        (name, each.chosen, each.reason, str(each.options), each.levels, each.losses.to_csv())
        for name, each in fitted.corrections.items()
    ]
    choice = (fitted.choice.counts, fitted.choice.churn, fitted.choice.reason)
    return json.dumps(
        [to_json(fitted.model), fitted.trees, choice, fitted.fit_notes, corrections], sort_keys=True
    )


@pytest.mark.slow
def test_events_after_the_training_day_change_nothing_that_is_learnt(
    three_years: pd.DataFrame, quick_params: Any
) -> None:
    """Left out, as they came, or with others, newcomers, refunds and dear ones appended: the same models."""
    params = override(quick_params, {"horizon_days": 90, "churn.snapshot_spacing_days": 120})
    after = three_years["timestamp"].dt.date > LEARNT_BY
    past, later = three_years[~after], three_years[after]
    assert len(later) > 100
    next_day = pd.Timestamp(LEARNT_BY) + pd.Timedelta(days=1)
    changed = [
        past,
        three_years,
        pd.concat(
            [
                later.assign(amount=9999.0, timestamp=next_day),
                past,
                past.assign(timestamp=next_day + pd.Timedelta(days=200), amount=-5.0),
                past.head(300).assign(timestamp=next_day, customer_id=np.arange(300) + 10_000),
            ]
        ),
    ]
    learnt = []
    for table in changed:
        log = read_transactions(table)
        fitted = fit_models(log, LEARNT_BY, params)
        log.close()
        learnt.append(all_that_was_learnt(fitted))
        # There is something to leak into: a season, trees, and two windows they are tried on.
        assert max(fitted.model.intensity.purchases) > 1.1
        for name in ("churn", "purchases"):
            assert fitted.corrections[name].losses["cutoff"].nunique() == 2, fitted.corrections[name].reason
            assert fitted.corrections[name].options[BLEND][1]
    assert learnt[1] == learnt[0]
    assert learnt[2] == learnt[0]
