"""The value models refitted at earlier cutoffs, and what was bought after them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.errors import FitError
from guanxi.features.histories import PurchaseHistories, sample_histories
from guanxi.models.gamma_gamma import GammaGamma
from guanxi.models.transaction_model import TransactionModel
from guanxi.periods import add_days
from guanxi.pipeline.selection import fit_quietly

Floats = NDArray[np.float64]
ModelOf = Callable[[], TransactionModel]

_CUSTOMERS = 5_000  # more hardly improve the level, which is never known to 1 %
_REFITS = 12
_LONG_STEP_DAYS, _SHORT_STEP_DAYS, _LONG_HISTORY_DAYS = 28, 7, 300
_YEARS = 6
_EARLIEST_SHARE = 0.25  # fits to a small part of the history say little about fits to all of it
_FEWEST_CUSTOMERS, _FEWEST_REPEATERS = 50, 10
_MOST_LEADS = 78


@dataclass(frozen=True)
class Refit:
    """One refit: totals of the sampled customers known at its cutoff, in each step after it.

    Attributes
    ----------
    cutoff : date
    step : int
        The last step of the history that it was fitted to.
    expected, actual : array, shape (steps that follow,)
        Purchases.
    expected_spend, actual_spend : array, shape (steps that follow,)
        Spend of the purchases that were made, at the amounts expected of their customers; NaN if unknown.
    purchases : float
        Repeat purchases that it was fitted to.
    """

    cutoff: date
    step: int
    expected: Floats
    actual: Floats
    expected_spend: Floats
    actual_spend: Floats
    purchases: float


@dataclass(frozen=True)
class Refits:
    """The refits up to a training day.

    Attributes
    ----------
    as_of : date
    step_days : int
    purchases : array, shape (steps,)
        Repeat purchases in each step of the history; the last step ends at ``as_of``.
    refits : tuple of Refit
        Earliest first.
    """

    as_of: date
    step_days: int
    purchases: Floats
    refits: tuple[Refit, ...]

    @property
    def days(self) -> int:
        """Length of the history in whole steps."""
        return len(self.purchases) * self.step_days


def refit_models(log: TransactionLog, as_of: date, models: Sequence[ModelOf], *, with_spend: bool) -> Refits:
    """Fit the value models at earlier cutoffs, and count what followed each until ``as_of``.

    At most 5,000 customers are used, the same at all cutoffs.

    Parameters
    ----------
    log : TransactionLog
        No row after ``as_of`` is read.
    as_of : date
    models : sequence of callables
        Each makes an unfitted purchase model; forecasts are averaged.
    with_spend : bool
        Whether to fit Gamma-Gamma too.
    """
    histories = sample_histories(log, as_of, _CUSTOMERS)
    last = (as_of - log.first_day).days
    step_days = _LONG_STEP_DAYS if last >= _LONG_HISTORY_DAYS else _SHORT_STEP_DAYS
    steps = min(last // step_days, int(_YEARS * 365 / step_days))
    ends = last - step_days * np.arange(steps - 1, -1, -1)
    behind = as_of.weekday() if log.params.event_grain == "W" else 0
    made: list[Refit | None] = []
    for step in _chosen(ends, last):
        day = add_days(as_of, int(ends[step]) - last)
        with suppress(FitError):
            made.append(_refit(histories, day, int(step), ends, models, behind, with_spend))
    bins = np.searchsorted(ends, histories.day[histories.repeat])
    return Refits(
        as_of,
        step_days,
        np.bincount(bins, minlength=steps)[:steps].astype(np.float64),
        tuple(filter(None, made)),
    )


def _chosen(ends: NDArray[np.int64], last: int) -> NDArray[np.int64]:
    """Choose the steps at whose end to refit, evenly spaced."""
    allowed = np.flatnonzero((ends >= _EARLIEST_SHARE * last) & (ends < last))[1:]
    if len(allowed) <= _REFITS:
        return np.asarray(allowed)
    return np.asarray(allowed[np.unique(np.linspace(0, len(allowed) - 1, _REFITS).round().astype(int))])


def _refit(
    histories: PurchaseHistories,
    day: date,
    step: int,
    ends: NDArray[np.int64],
    models: Sequence[ModelOf],
    behind: int,
    with_spend: bool,
) -> Refit | None:
    """Refit at the end of one step; None with too few customers or repeat buyers."""
    cutoff = int(ends[step])
    rfm = histories.rfm(cutoff, cutoff - behind)
    repeaters = int((rfm["frequency"] > 0).sum())
    if len(rfm) < _FEWEST_CUSTOMERS or repeaters < _FEWEST_REPEATERS:
        return None
    leads = (ends[step + 1 :] - cutoff)[:_MOST_LEADS].astype(np.float64)
    fitted = [fit_quietly(make(), rfm) for make in models]
    reached = [[model.expected_purchases(rfm, lead).sum() for lead in leads] for model in fitted]
    expected = np.diff(np.mean(reached, axis=0), prepend=0.0)
    amounts = _expected_amounts(rfm) if with_spend else pd.Series(np.nan, rfm.index)
    later = (histories.day > cutoff) & np.isin(histories.customer, rfm.index)
    bins = np.searchsorted(ends[step + 1 :], histories.day[later])
    likely = amounts.reindex(histories.customer[later]).to_numpy()
    counted = [
        np.asarray(np.bincount(bins, weights=values, minlength=len(leads))[: len(leads)], dtype=np.float64)
        for values in (np.ones(len(bins)), likely, histories.amount[later])
    ]
    return Refit(day, step, expected, counted[0], counted[1], counted[2], float(rfm["frequency"].sum()))


def _expected_amounts(rfm: pd.DataFrame) -> pd.Series:
    try:
        return pd.Series(fit_quietly(GammaGamma(), rfm).expected_spend(rfm), rfm.index)
    except FitError:
        return pd.Series(np.nan, rfm.index)
