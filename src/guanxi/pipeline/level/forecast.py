"""The level of a served model: the intensity of purchases by date, and the error of a total."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from guanxi.periods import add_days
from guanxi.pipeline.level._refits import Refit, Refits
from guanxi.pipeline.level._structural_model import (
    OF_AMOUNTS,
    OF_PURCHASES,
    Posterior,
    Ratios,
    fit_structural_model,
)
from guanxi.served.model import IntensityIndex
from guanxi.served.purchases.registry import PurchaseMixture

Floats = NDArray[np.float64]

_YEAR_DAYS = 364  # whole steps of 7 and of 28 days
_AHEAD_YEARS, _MOST_STEPS = 2, 104  # beyond, the season of the last year repeats
_HISTORIES = 5_000
_SLOWEST = 0.02
_CURVE = 1.5  # how far beyond the last step the expectation is followed, relative to all steps
_SHOWN = 3
_AMOUNTS_UNKNOWN = 0.08  # usual error of the amounts over a window


@dataclass(frozen=True)
class LogError:
    """Distribution of the log ratio of an actual total to its forecast: a mixture of normal distributions.

    All arrays have shape (points,).
    """

    weights: Floats
    means: Floats
    variances: Floats

    @property
    def mean(self) -> float:
        """Mean of the mixture."""
        return float(self.weights @ self.means)

    @property
    def variance(self) -> float:
        """Variance of the mixture."""
        return float(self.weights @ (self.variances + (self.means - self.mean) ** 2))

    def centred(self, variance: float = 0.0) -> LogError:
        """Move the error to 0, and add an independent normal one of the ``variance``."""
        return LogError(self.weights, self.means - self.mean, self.variances + variance)


@dataclass(frozen=True)
class PortfolioLevel:
    """What earlier forecasts say about the totals of a model fitted at the end of the history.

    Attributes
    ----------
    refits : Refits
    purchases : Posterior
        Of the log ratio of actual to expected purchases by step.
    amounts : Posterior or None
        The same for the amount of a purchase; None below a year of history, or without amounts.
    """

    refits: Refits
    purchases: Posterior
    amounts: Posterior | None

    def error(self, days: float, of: str = "purchases") -> LogError:
        """Error of the value model's total of the ``days`` after the history; ``of``: purchases or amounts.

        The steps count alike, since expected purchases change little over them, and totals are added: over a
        season of twice and half, the total is more than the mean of the logarithms says.
        """
        found = self.purchases if of == "purchases" else self.amounts
        if found is None:
            return LogError(np.ones(1), np.zeros(1), np.array([_AMOUNTS_UNKNOWN**2]))
        steps = _shares(days, self.refits.step_days, found.means.shape[1]) * np.exp(found.means)
        total = steps.sum(axis=1)
        weight = steps / total[:, None]
        variances = np.einsum("pi,pij,pj->p", weight, found.covariances, weight)
        return LogError(found.weights, np.log(total), variances)

    def intensity(self, purchases: PurchaseMixture, history: tuple[Floats, Floats, Floats]) -> IntensityIndex:
        """Intensity of each step, for which the model's totals become the expected ones.

        ``history`` is (frequency, recency, T) of the customers at the end of the data, from which the
        expectation of the model is computed: its customers drop out, so that twice the intensity is less
        than twice the purchases.
        """
        step, future = self.refits.step_days, self.purchases.means.shape[1]
        days = step * np.arange(int(_CURVE * future) + 1, dtype=np.float64)
        stride = max(1, len(history[0]) // _HISTORIES)
        x, t_x, T = (column[::stride] for column in history)
        reached = np.array([purchases.expected_purchases(x, t_x, T, each).sum() for each in days])
        wanted = np.cumsum(np.diff(reached)[:future] * np.exp(self.purchases.mean))
        passed = np.diff(np.interp(wanted, reached, days), prepend=0.0) / step
        past = np.exp(self.purchases.past)
        amounts = np.ones(len(past) + future)
        if self.amounts is not None:
            amounts = np.exp(np.append(self.amounts.past, self.amounts.mean))
        first = add_days(self.refits.as_of, 1 - self.refits.days)
        intensity = np.maximum(np.append(past, passed), _SLOWEST)
        return IntensityIndex(first.isoformat(), step, tuple(intensity.tolist()), tuple(amounts.tolist()))

    def describe(self, horizon_days: int) -> str:
        """One sentence on what earlier forecasts missed by and what is done about it."""
        change = np.expm1(self.error(horizon_days).mean)
        verdict = f"{'raised' if change > 0 else 'lowered'} by {abs(change):.0%}"
        if round(abs(change), 2) == 0.0:
            verdict = "left as it is"
        missed = self._missed(horizon_days)
        if not missed:
            return f"no earlier forecast to learn the level of the total from: it is {verdict}"
        told = ", ".join(f"{miss:+.0%} from {cutoff}" for cutoff, _, miss in missed)
        return (
            f"the value model's forecasts of {missed[0][1]} days were off by {told}: its total is {verdict}"
        )

    def _missed(self, horizon_days: int) -> list[tuple[date, int, float]]:
        """Cutoff, days and relative error of the latest refits with a window as long as can be."""
        step = self.refits.step_days
        lengths = [len(each.actual) for each in self.refits.refits]
        if not lengths:
            return []
        wanted = min(max(1, round(horizon_days / step)), max(lengths))
        apart: list[tuple[date, int, float]] = []
        for each in reversed(self.refits.refits):
            actual, expected = each.actual[:wanted].sum(), each.expected[:wanted].sum()
            clear = not apart or (apart[-1][0] - each.cutoff).days >= min(wanted * step, _YEAR_DAYS)
            if len(each.actual) >= wanted and clear and actual > 0:
                apart.append((each.cutoff, wanted * step, float(expected / actual - 1.0)))
        return apart[:_SHOWN]


def fit_level(refits: Refits, horizon_days: int) -> PortfolioLevel:
    """Learn the level from the refits, for the ``horizon_days`` and at least two years ahead."""
    step = refits.step_days
    future = min(-(-max(horizon_days, _AHEAD_YEARS * _YEAR_DAYS) // step), _MOST_STEPS)
    given = refits.purchases, future, step
    purchases = fit_structural_model([_of_purchases(each) for each in refits.refits], *given, OF_PURCHASES)
    ratios = [_of_amounts(each) for each in refits.refits]
    known = [each for each in ratios if np.isfinite(each.log_ratio).any()]
    if refits.days < _YEAR_DAYS or not known:
        return PortfolioLevel(refits, purchases, None)
    return PortfolioLevel(refits, purchases, fit_structural_model(known, *given, OF_AMOUNTS))


def _of_purchases(refit: Refit) -> Ratios:
    ratio = np.log((refit.actual + 0.5) / (refit.expected + 0.5))
    return Ratios(refit.step, ratio, refit.actual, refit.purchases)


def _of_amounts(refit: Refit) -> Ratios:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(refit.actual_spend / refit.expected_spend)
    return Ratios(refit.step, ratio, refit.actual, refit.purchases)


def _shares(days: float, step: int, steps: int) -> Floats:
    """Share of each step in the days after the history."""
    within = np.clip(days - step * np.arange(steps, dtype=np.float64), 0.0, step)
    return np.asarray(within / within.sum())
