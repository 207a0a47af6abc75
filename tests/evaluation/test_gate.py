"""Promotion gate: each check, its limit, and the direction in which it fails."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError
from guanxi.evaluation import gate
from guanxi.params import PromotionParams

PARAMS = PromotionParams()
WINDOW = pd.DataFrame({"purchases": [0.0, 0.0, 2.0, 1.0], "spend": [0.0, 0.0, 30.0, 10.0]})
WINDOW["churned"] = (WINDOW["purchases"] == 0).astype(float)


def predictions(churn=(0.8, 0.6, 0.3, 0.2), purchases=(0.2, 0.4, 1.5, 1.0), spend=10.0) -> pd.DataFrame:
    value = np.array(purchases) * spend
    return pd.DataFrame(
        {
            "churn_probability": churn,
            "expected_purchases": purchases,
            "expected_spend": spend,
            # The margin is half of the amount.
            "clv": value / 2,
            "clv_lower": 0.0,
            "clv_upper": value,
        }
    )


def test_equal_predictions_pass_with_no_change():
    checks = gate.compare_errors(WINDOW, predictions(), predictions(), PARAMS, "version 1")
    assert [check.change for check in checks] == [0.0, 0.0, 0.0]
    assert not gate.failures(checks)


def test_changes_are_shares_of_the_champions_numbers():
    worse = predictions(churn=(0.5, 0.5, 0.5, 0.5), purchases=(0.4, 0.8, 2.0, 1.0))
    churn, purchases, spend = gate.compare_errors(WINDOW, worse, predictions(), PARAMS, "version 1")
    before = -np.log([0.8, 0.6, 0.7, 0.8]).mean()
    assert churn.value == pytest.approx(math.log(2))
    assert churn.change == pytest.approx(math.log(2) / before - 1)
    # Absolute errors .4 + .8 + 0 + 0 against .2 + .4 + .5 + 0.
    assert purchases.change == pytest.approx(1.2 / 1.1 - 1)
    # 4 + 8 + 10 + 0 against 2 + 4 + 15 + 0.
    assert spend.change == pytest.approx(22 / 21 - 1)


def test_each_limit_is_its_own_parameter():
    worse = predictions(churn=(0.5, 0.5, 0.5, 0.5), purchases=(0.4, 0.8, 2.0, 1.0))
    checks = gate.compare_errors(WINDOW, worse, predictions(), PARAMS, "version 1")
    assert [check.key for check in checks if not check.passed] == [
        *("log_loss_increase", "mae_increase", "mae_increase")
    ]
    generous = PromotionParams(log_loss_increase=1.2, mae_increase=0.1)
    assert not gate.failures(gate.compare_errors(WINDOW, worse, predictions(), generous, "version 1"))


def test_coverage_refers_to_undiscounted_spend():
    # Undiscounted spend before margin reaches 2 * clv_upper: 4, 8, 30, 20 for 0, 0, 30, 10.
    (check,) = gate.check_coverage(WINDOW, predictions(), 0.9, PARAMS)
    assert (check.value, check.passed) == (1.0, True)
    (check,) = gate.check_coverage(WINDOW.assign(spend=[0, 0, 30.1, 20.1]), predictions(), 0.9, PARAMS)
    assert (check.value, check.passed) == (0.5, False)
    assert check.change == pytest.approx(0.4)


def test_coverage_of_purchases_that_lose_money():
    losing = predictions().assign(clv=lambda table: -table["clv"], clv_upper=0.0)
    losing["clv_lower"] = 2 * losing["clv"]
    (check,) = gate.check_coverage(WINDOW, losing, 0.9, PARAMS)
    assert check.value == 1.0
    (check,) = gate.check_coverage(WINDOW.assign(spend=[0, 0, 30.1, 20.1]), losing, 0.9, PARAMS)
    assert check.value == 0.5


def test_values_of_margins_are_not_compared_with_values_of_spend():
    of_margins = predictions().assign(margin_rate=0.1, clv=lambda table: table["clv"] / 5)
    names = [check.name for check in gate.compare_means(of_margins, predictions(), PARAMS, "version 1")]
    assert names == ["mean of expected_purchases", "mean of churn_probability"]
    checks = gate.compare_means(of_margins, of_margins, PARAMS, "version 1")
    assert [check.change for check in checks] == [0.0, 0.0, 0.0]


def test_without_a_champion_the_share_of_churners_is_the_reference():
    (good,) = gate.compare_with_constant(WINDOW, predictions(), PARAMS)
    (bad,) = gate.compare_with_constant(WINDOW, predictions(churn=(0.4, 0.4, 0.6, 0.6)), PARAMS)
    assert good.reference == bad.reference == pytest.approx(math.log(2))
    assert (good.passed, bad.passed) == (True, False)


def test_a_window_of_one_class_is_an_error():
    with pytest.raises(DataError, match="every customer churned in the window"):
        gate.compare_with_constant(WINDOW.assign(churned=1.0), predictions(), PARAMS)


@pytest.mark.parametrize(("factor", "passes"), [(0.7, False), (0.8, True), (1.2, True), (1.3, False)])
def test_means_may_change_in_both_directions_within_the_limit(factor, passes):
    other = predictions()
    own = other.assign(clv=other["clv"] * factor)
    checks = gate.compare_means(own, other, PARAMS, "version 1")
    assert [check.passed for check in checks] == [True, passes, True]
    assert not gate.compare_means(own, other, PromotionParams(mean_change=None), "version 1")


def test_nan_does_not_pass():
    check = gate.Check("mean of clv", math.nan, 1.0, "version 1", math.nan, 0.25, "mean_change", True)
    assert not check.passed
    with pytest.raises(DataError, match="not finite"):
        gate.compare_errors(WINDOW, predictions(churn=(math.nan,) * 4), predictions(), PARAMS, "version 1")
