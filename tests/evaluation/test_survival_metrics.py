"""Survival metrics against scikit-survival and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from guanxi.errors import DataError
from guanxi.evaluation import survival_metrics as metrics


def censored(n: int = 400, *, whole: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    life, seen = generator.exponential(10.0, n), generator.uniform(1.0, 25.0, n)
    duration = np.minimum(life, seen)
    curves = np.exp(-np.outer(generator.gamma(2.0, 0.05, n), np.arange(1, 20)))
    return (np.ceil(duration) if whole else duration), (life <= seen).astype(float), curves


@pytest.mark.parametrize("whole", [False, True])
def test_concordance_is_that_of_scikit_survival(whole: bool) -> None:
    sksurv = pytest.importorskip("sksurv.metrics")
    duration, churned, curves = censored(whole=whole)
    expected = sksurv.concordance_index_censored(churned == 1.0, duration, -curves.sum(axis=1))[0]
    assert metrics.concordance(duration, churned, -curves.sum(axis=1)) == pytest.approx(expected, abs=1e-12)


def test_integrated_brier_is_that_of_scikit_survival_without_ties() -> None:
    sksurv = pytest.importorskip("sksurv.metrics")
    util = pytest.importorskip("sksurv.util")
    duration, churned, curves = censored(whole=False)
    label = util.Surv.from_arrays(churned == 1.0, duration)
    times = np.arange(1, 20)
    expected = sksurv.integrated_brier_score(label, label, curves, times)
    assert metrics.integrated_brier(duration, churned, curves, times) == pytest.approx(expected, abs=1e-12)


def test_weights_undo_censoring_at_the_time_of_leaving() -> None:
    # A quarter leaves at the first opportunity; half of those who are left are not watched on.
    duration = np.repeat([1, 1, 2, 2], [4, 6, 2, 4])
    churned = np.repeat([1, 0, 1, 0], [4, 6, 2, 4])
    found = metrics.brier_by_time(duration, churned, np.tile([0.75, 0.5], (16, 1)), [1.0, 2.0])
    # Who is watched on counts twice, who left at the first opportunity once.
    assert found[0] == pytest.approx((4 * 0.75**2 + 6 * 2 * 0.25**2) / 16.0)


def test_true_curves_are_calibrated() -> None:
    generator = np.random.default_rng(5)
    hazard = generator.uniform(0.02, 0.3, 20_000)
    life, seen = generator.geometric(hazard), generator.integers(1, 20, 20_000)
    table = metrics.calibration_by_decile(
        np.minimum(life, seen), (life <= seen).astype(float), (1.0 - hazard) ** 6, 6.0
    )
    assert (table["predicted"] - table["observed"]).abs().max() < 0.03


def test_no_customers_are_refused() -> None:
    with pytest.raises(DataError, match="one value per customer"):
        metrics.concordance([], [], [])
