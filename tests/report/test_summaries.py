"""The numbers of the page: computed by hand, and as laws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from guanxi.report import _summaries
from guanxi.served.texts import decimals_for, number, percent

amounts = st.lists(st.floats(0, 1e6), min_size=1, max_size=60)
outcomes = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


def test_headline_by_hand():
    table = pd.DataFrame({"clv": [100.0, 50.0, 50.0], "churn_probability": [0.5, 0.51, 0.1]})
    table["value_at_risk"] = [20.0, 25.0, 5.0]
    totals = _summaries.headline(table)
    assert (totals.customers, totals.value, totals.leavers) == (3, 200.0, 1)
    assert totals.value_at_risk == pytest.approx(50.0)
    assert totals.value_at_risk_share == pytest.approx(0.2)
    assert totals.leaver_share == pytest.approx(1 / 3)


def test_headline_of_nobody_has_no_shares():
    totals = _summaries.headline(
        pd.DataFrame(columns=["clv", "churn_probability", "value_at_risk"], dtype=float)
    )
    assert totals.customers == 0
    assert np.isnan(totals.leaver_share)
    assert np.isnan(totals.value_at_risk_share)


def test_gains_by_hand():
    curve = _summaries.gains([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0])
    assert curve.customers.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert curve.captured.tolist() == [0, 0.5, 0.5, 1, 1]
    assert curve.held_by(0.625) == pytest.approx(0.75)


def test_gains_of_equal_scores_is_the_diagonal_whatever_the_order():
    assert _summaries.gains([1, 1, 1, 1], [9, 0, 0, 0]).held_by(0.25) == pytest.approx(0.25)


@pytest.mark.parametrize(("score", "outcome"), [([], []), ([1, 2], [0, 0]), ([np.nan, 1], [5, np.nan])])
def test_gains_of_no_outcome_is_none(score, outcome):
    assert _summaries.gains(score, outcome) is None


@given(amounts)
def test_concentration_rises_and_bends_down(values):
    curve = _summaries.concentration(pd.DataFrame({"clv": values}))
    if curve is None:
        assert sum(values) == 0
        return
    assert (curve.customers[[0, -1]] == [0, 1]).all()
    assert curve.captured[[0, -1]] == pytest.approx([0, 1])
    slopes = np.diff(curve.captured) / np.diff(curve.customers)
    assert (slopes >= -1e-12).all()
    assert (np.diff(slopes) <= 1e-9 * max(1.0, slopes.max())).all()


@given(outcomes, st.randoms())
def test_gains_do_not_depend_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    first, second = (_summaries.gains(*zip(*order, strict=True)) for order in (rows, shuffled))
    if first is None or second is None:
        assert first is second
    else:
        assert first.captured == pytest.approx(second.captured)


@given(outcomes)
def test_reliability_keeps_every_customer_and_every_leaver(rows):
    holdout = pd.DataFrame(rows, columns=["churn_probability", "churned"])
    table = _summaries.reliability(holdout)
    assert table["customers"].sum() == len(holdout)
    assert (table["observed"] * table["customers"]).sum() == pytest.approx(holdout["churned"].sum())
    assert (table["predicted"] * table["customers"]).sum() == pytest.approx(
        holdout["churn_probability"].sum()
    )
    assert len(table) <= 10
    assert table["predicted"].is_monotonic_increasing
    assert table["lower"].between(0, table["observed"]).all()
    assert table["upper"].between(table["observed"], 1).all()


def test_reliability_interval_is_wilsons():
    holdout = pd.DataFrame({"churn_probability": [0.3] * 20, "churned": [True] * 7 + [False] * 13})
    table = _summaries.reliability(holdout)
    wilson = binomtest(7, 20).proportion_ci(0.95, method="wilson")
    assert table.loc[0, ["lower", "upper"]].tolist() == pytest.approx([wilson.low, wilson.high])


def test_reliability_makes_ten_even_groups_of_distinct_probabilities():
    holdout = pd.DataFrame({"churn_probability": np.linspace(0, 1, 100), "churned": [0, 1] * 50})
    assert _summaries.reliability(holdout)["customers"].tolist() == [10] * 10


def test_calibration_gap_by_hand():
    table = pd.DataFrame({"predicted": [0.2, 0.8], "observed": [0.3, 0.8], "customers": [30, 10]})
    assert _summaries.calibration_gap(table) == pytest.approx(0.075)


def test_purchases_by_frequency_joins_the_frequent():
    holdout = pd.DataFrame(
        {"frequency": [0, 0, 7, 12], "purchases": [0, 1, 4, 8], "expected_purchases": [0.4, 0.4, 5, 6]}
    )
    table = _summaries.purchases_by_frequency(holdout)
    assert table.to_dict("list") == {
        "frequency": [0, 7],
        "actual": [0.5, 6.0],
        "expected": [0.4, 5.5],
        "customers": [2, 2],
    }


def test_relative_difference():
    assert _summaries.relative_difference(90, 100) == pytest.approx(-0.1)
    assert np.isnan(_summaries.relative_difference(1, 0))


@given(st.floats(0, 1))
@example(0.005)
@example(0.995)
def test_a_share_reads_as_all_or_nothing_only_when_it_is(share):
    shown = percent(share)
    assert (shown == "0\u00a0%") == (share == 0)
    assert (shown == "100\u00a0%") == (share == 1)


@given(st.floats(-1e9, 1e9))
def test_numbers_can_be_read_back(value):
    decimals = decimals_for(abs(value))
    read = float(number(value, decimals).replace(",", "").replace("−", "-"))
    assert read == pytest.approx(value, abs=0.5 * 10.0**-decimals * 1.000001)
