"""One linear model of an outcome, told per driver: per standard deviation, and per cent."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.decisions.elasticity_design import Floats, check_distinct, control_columns, standardised
from guanxi.decisions.errors_in_variables import fit_linear
from guanxi.errors import FitError

COLUMNS = (
    *("outcome", "driver", "adjusted_for", "estimate", "lower", "upper", "unit"),
    *("elasticity", "elasticity_lower", "elasticity_upper", "reliability", "n", "note"),
)
_NUMBERS = ("estimate", "lower", "upper", "elasticity", "elasticity_lower", "elasticity_upper", "reliability")
_FEWEST_PER_COLUMN = 10
_LEAST_RELIABILITY = 0.1


class Driver(NamedTuple):
    """What is seen of a driver (NaN: nothing), and the variance of the noise in it; arrays of shape (n,)."""

    name: str
    seen: Floats
    variance: Floats
    logarithmic: bool

    def of(self, rows: NDArray[np.bool_]) -> Driver:
        """Pick some customers."""
        return self._replace(seen=self.seen[rows], variance=self.variance[rows])

    def step(self) -> float:
        """Tell the standard deviation between customers, without the noise.

        Raises
        ------
        FitError
            If there is next to none.
        """
        variance = float(self.seen.var()) if self.seen.size else 0.0
        if variance <= 1e-24 * float((self.seen**2).sum()):
            raise FitError(f"{self.name} is the same for all customers who have it, or nobody has it")
        reliability = 1.0 - float(self.variance.mean()) / variance
        if reliability < _LEAST_RELIABILITY:
            raise FitError(
                f"{self.name} is noise for the most part (reliability {max(reliability, 0.0):.2f})"
            )
        return math.sqrt(variance * reliability)


class OutcomeModel(NamedTuple):
    """An outcome, shape (n,), and what it is adjusted for."""

    outcome: str
    after: Floats
    controls: pd.DataFrame
    logarithmic: Collection[str]
    level: float

    def rows(self, drivers: Sequence[Driver], adjusted_for: str) -> list[dict[str, Any]]:
        """One row of ``COLUMNS`` for each driver; NaN and the reason where the data cannot tell."""
        known = np.isfinite(self.after) & np.isfinite([driver.seen for driver in drivers]).all(axis=0)
        shared = {"outcome": self.outcome, "adjusted_for": adjusted_for, "n": int(known.sum())}
        try:
            told = self._told([driver.of(known) for driver in drivers], known)
        except FitError as error:
            told = [dict.fromkeys(_NUMBERS, math.nan) | {"unit": "", "note": str(error)} for _ in drivers]
        rows = [shared | {"driver": driver.name} | row for driver, row in zip(drivers, told, strict=True)]
        return [{name: row[name] for name in COLUMNS} for row in rows]

    def _told(self, drivers: Sequence[Driver], known: NDArray[np.bool_]) -> list[dict[str, Any]]:
        after = self.after[known]
        steps = [driver.step() for driver in drivers]
        if after.max() == after.min() or after.mean() <= 0.0:
            raise FitError(f"{self.outcome} is the same for all these customers, or has no mean above 0")
        controls = control_columns(self.controls[known], self.logarithmic)
        columns = 1 + len(drivers) + controls.shape[1]
        needed = _FEWEST_PER_COLUMN * columns
        if len(after) < needed:
            raise FitError(f"too few customers: {needed} at least for {columns} columns")
        slopes, influences = _slopes(drivers, controls, after / after.mean())
        width = float(ndtri((1.0 + self.level) / 2.0)) / math.sqrt(len(after) - columns)
        note = _note(len(known) - len(after))
        return [
            _effects(driver, step, float(slope), influence, width) | {"note": note}
            for driver, step, slope, influence in zip(drivers, steps, slopes, influences.T, strict=True)
        ]


def _slopes(drivers: Sequence[Driver], controls: Floats, relative: Floats) -> tuple[Floats, Floats]:
    """Slope of each driver, shape (k,), and the influences on it, shape (n, k)."""
    spread = np.array([driver.seen.std() for driver in drivers])
    seen = standardised(np.column_stack([driver.seen for driver in drivers]))
    check_distinct(seen, [driver.name for driver in drivers], controls)
    variance = np.column_stack([driver.variance for driver in drivers]) / spread**2
    one = np.ones((len(relative), 1))
    fit = fit_linear(
        np.hstack([seen, controls, one]), np.hstack([variance, np.zeros_like(controls), 0.0 * one]), relative
    )
    slopes = fit.coefficients[: len(drivers)] / spread
    # The mean outcome, by which all is divided, is an estimate too.
    return slopes, fit.influence[:, : len(drivers)] / spread - slopes * (relative - 1.0)[:, None]


def _effects(driver: Driver, step: float, slope: float, influence: Floats, width: float) -> dict[str, Any]:
    """Tell a slope per standard deviation and per cent; the errors of these yardsticks are counted in."""
    seen = driver.seen
    step_influence = ((seen - seen.mean()) ** 2 - driver.variance - step**2) / (2.0 * step)
    estimate = slope * step
    error = width * _size(step * influence + slope * step_influence)
    # A per cent of x moves log(1 + x) by x / (1 + x) hundredths.
    moved = -np.expm1(-seen) if driver.logarithmic else seen
    elasticity = slope * float(moved.mean()) if seen.min() >= 0.0 else math.nan
    elasticity_error = width * _size(float(moved.mean()) * influence + slope * (moved - moved.mean()))
    scale = f"log(1 + {driver.name})" if driver.logarithmic else driver.name
    return {
        "estimate": estimate,
        "lower": estimate - error,
        "upper": estimate + error,
        "unit": f"of the mean, for a standard deviation ({step:.3g}) more of {scale}",
        "elasticity": elasticity,
        "elasticity_lower": elasticity - elasticity_error,
        "elasticity_upper": elasticity + elasticity_error,
        "reliability": step**2 / float(seen.var()),
    }


def _size(influence: Floats) -> float:
    return math.sqrt(float((influence**2).mean()))


def _note(left_out: int) -> str:
    caveat = "association, not cause"
    if not left_out:
        return caveat
    return f"{caveat}; {left_out:,} customers for whom a driver or the outcome is unknown left out"
