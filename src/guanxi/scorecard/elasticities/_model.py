"""A linear model of an outcome: the effect of each driver per standard deviation and per cent."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.errors import FitError
from guanxi.scorecard.elasticities._design import Floats, check_distinct, control_columns, standardised
from guanxi.scorecard.elasticities._errors_in_variables import fit_linear, noise_variance

_COLUMNS = (
    *("outcome", "driver", "adjusted_for", "estimate", "lower", "upper", "unit"),
    *("elasticity", "elasticity_lower", "elasticity_upper", "reliability", "n", "note"),
)
_NUMBERS = ("estimate", "lower", "upper", "elasticity", "elasticity_lower", "elasticity_upper", "reliability")
_FEWEST_PER_COLUMN = 10
_LEAST_RELIABILITY = 0.1
_NOISE_LEFT = "no customer has answered twice: measurement error not removed, estimate biased towards 0"


class Driver(NamedTuple):
    """Observed values of a driver (NaN: unknown) and their error variance; arrays of shape (n,)."""

    name: str
    seen: Floats
    variance: Floats
    logarithmic: bool
    remark: str

    @property
    def step(self) -> float:
        """Standard deviation between customers, without measurement error."""
        return math.sqrt(self.reliability * float(self.seen.var()))

    @property
    def reliability(self) -> float:
        """Share of the variance that is not measurement error."""
        return 1.0 - float(self.variance.mean()) / float(self.seen.var())


class Measure(NamedTuple):
    """Raw values of a driver for all customers; ``answers``: their number and variance, or None."""

    name: str
    seen: Floats
    answers: tuple[Floats, Floats] | None
    logarithmic: bool

    def of(self, rows: NDArray[np.bool_]) -> Driver:
        """Select customers; FitError if they do not vary, or only by measurement error."""
        seen, variance, remark = self.seen[rows], None, ""
        if self.answers is not None:
            variance = noise_variance(*(column[rows] for column in self.answers))
            remark = "measurement error removed" if variance is not None else _NOISE_LEFT
        driver = Driver(
            self.name, seen, np.zeros(len(seen)) if variance is None else variance, self.logarithmic, remark
        )
        if not seen.size or seen.var() <= 1e-24 * (seen**2).mean():
            raise FitError(f"{self.name} is constant or unknown for all customers")
        if driver.reliability < _LEAST_RELIABILITY:
            share = max(driver.reliability, 0.0)
            raise FitError(f"{self.name} is mostly measurement error (reliability {share:.2f})")
        return driver


class OutcomeModel(NamedTuple):
    """An outcome, shape (n,), and its controls."""

    outcome: str
    after: Floats
    controls: pd.DataFrame
    logarithmic: Collection[str]
    level: float

    def rows(self, measures: Sequence[Measure], adjusted_for: str) -> list[dict[str, Any]]:
        """One row for each driver; NaN and the reason if the effect cannot be estimated."""
        known = np.isfinite(self.after) & np.isfinite([measure.seen for measure in measures]).all(axis=0)
        shared = {"outcome": self.outcome, "adjusted_for": adjusted_for, "n": int(known.sum())}
        try:
            effects = self._effects_of([measure.of(known) for measure in measures], known)
        except FitError as error:
            effects = [dict.fromkeys(_NUMBERS, math.nan) | {"unit": "", "note": str(error)} for _ in measures]
        rows = [
            shared | {"driver": measure.name} | row for measure, row in zip(measures, effects, strict=True)
        ]
        return [{name: row[name] for name in _COLUMNS} for row in rows]

    def _effects_of(self, drivers: Sequence[Driver], known: NDArray[np.bool_]) -> list[dict[str, Any]]:
        after = self.after[known]
        if after.max() == after.min() or after.mean() <= 0.0:
            raise FitError(f"{self.outcome} is constant for these customers, or its mean is not above 0")
        controls = control_columns(self.controls[known], self.logarithmic)
        columns = 1 + len(drivers) + controls.shape[1]
        needed = _FEWEST_PER_COLUMN * columns
        if len(after) < needed:
            raise FitError(f"too few customers: at least {needed} for {columns} columns")
        slopes, influences = _slopes(drivers, controls, after / after.mean())
        width = float(ndtri((1.0 + self.level) / 2.0)) / math.sqrt(len(after) - columns)
        left_out = len(known) - len(after)
        return [
            _effects(driver, float(slope), influence, width) | {"note": _note(driver, left_out)}
            for driver, slope, influence in zip(drivers, slopes, influences.T, strict=True)
        ]


def _slopes(drivers: Sequence[Driver], controls: Floats, relative: Floats) -> tuple[Floats, Floats]:
    """Slope of each driver, shape (k,), and its influence function, shape (n, k)."""
    spread = np.array([driver.seen.std() for driver in drivers])
    seen = standardised(np.column_stack([driver.seen for driver in drivers]))
    check_distinct(seen, [driver.name for driver in drivers], controls)
    variance = np.column_stack([driver.variance for driver in drivers]) / spread**2
    one = np.ones((len(relative), 1))
    fit = fit_linear(
        np.hstack([seen, controls, one]), np.hstack([variance, np.zeros_like(controls), 0.0 * one]), relative
    )
    slopes = fit.coefficients[: len(drivers)] / spread
    # The mean outcome in the denominator is an estimate too.
    return slopes, fit.influence[:, : len(drivers)] / spread - slopes * (relative - 1.0)[:, None]


def _effects(driver: Driver, slope: float, influence: Floats, width: float) -> dict[str, Any]:
    """Effect per standard deviation and per cent, including the error of these scale factors."""
    seen, step = driver.seen, driver.step
    step_influence = ((seen - seen.mean()) ** 2 - driver.variance - step**2) / (2.0 * step)
    estimate = slope * step
    error = width * _norm(step * influence + slope * step_influence)
    # One per cent of x changes log(1 + x) by x / (1 + x) hundredths.
    moved = -np.expm1(-seen) if driver.logarithmic else seen
    elasticity = slope * float(moved.mean()) if seen.min() >= 0.0 else math.nan
    elasticity_error = width * _norm(float(moved.mean()) * influence + slope * (moved - moved.mean()))
    scale = f"log(1 + {driver.name})" if driver.logarithmic else driver.name
    return {
        "estimate": estimate,
        "lower": estimate - error,
        "upper": estimate + error,
        "unit": f"of the mean, per standard deviation ({step:.3g}) of {scale}",
        "elasticity": elasticity,
        "elasticity_lower": elasticity - elasticity_error,
        "elasticity_upper": elasticity + elasticity_error,
        "reliability": driver.reliability,
    }


def _norm(influence: Floats) -> float:
    return math.sqrt(float((influence**2).mean()))


def _note(driver: Driver, left_out: int) -> str:
    parts = ["association, not cause", driver.remark]
    if left_out:
        parts.append(f"{left_out:,} customers with an unknown driver or outcome left out")
    return "; ".join(filter(None, parts))
