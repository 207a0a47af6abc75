"""Selection of the purchase models using earlier windows, separately for counts and churn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError, FitWarning
from guanxi.features.snapshots import SnapshotPlan
from guanxi.models.gamma_gamma import GammaGamma
from guanxi.models.losses import log_loss, poisson_deviance
from guanxi.models.purchase_models import CNBD_MODELS, TRANSACTION_MODELS, transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.periods import add_days
from guanxi.served.ordering import first_lowest

Floats = NDArray[np.float64]
Model = TypeVar("Model", TransactionModel, GammaGamma)
Snapshots = Callable[[date], pd.DataFrame]

USUAL = "bg_nbd"
_WINDOWS = 3
_TARGETS = {"counts": "Poisson deviance", "churn": "log loss"}


@dataclass(frozen=True)
class Choice:
    """The models to be averaged, and why.

    Attributes
    ----------
    counts, churn : tuple of str
        Names of models as in ``clv.model``.
    losses : pandas.DataFrame or None
        ``cutoff, target, model, loss`` on earlier windows; means of models are named ``a + b``.
    reason : str
    """

    counts: tuple[str, ...]
    churn: tuple[str, ...]
    losses: pd.DataFrame | None
    reason: str

    @property
    def names(self) -> list[str]:
        """All models needed, without repeats."""
        return list(dict.fromkeys([*self.counts, *self.churn]))


def _only(name: str, reason: str) -> Choice:
    """Choose one model for both targets."""
    return Choice((name,), (name,), None, reason)


def _choose_models(plan: SnapshotPlan | None, first_day: date, snapshots: Snapshots) -> Choice:
    """Fit every model at earlier cutoffs and compare their forecasts of the windows that follow.

    Candidates are each model, the mean of each pair and the mean of all; ties go to the first. They are
    compared out of sample, on at most three non-overlapping windows. ``snapshots`` returns features (with
    ``log_gap_sum``) and outcomes at a cutoff.
    """
    if plan is None:
        return _only(USUAL, f"the history holds no earlier window to compare models on: {USUAL}")
    cutoffs, days = _cutoffs(plan, first_day), plan.window_days
    losses = pd.concat([_losses(day, snapshots(day), days) for day in cutoffs], ignore_index=True)
    if losses.empty:
        return _only(USUAL, f"no model could be fitted at an earlier cutoff: {USUAL}")
    tried = losses.groupby(["target", "model"], sort=False)["loss"].agg(["mean", "count"])
    tried = tried[tried["count"] == tried["count"].max()]["mean"]
    best = {target: str(tried[target].index[first_lowest(tried[target])]) for target in _TARGETS}
    reasons = [_reason(target, tried[target], best[target]) for target in _TARGETS]
    windows = f"on {losses['cutoff'].nunique()} earlier windows of {days} days"
    counts, churn = (tuple(best[target].split(" + ")) for target in _TARGETS)
    return Choice(counts, churn, losses, f"{'; '.join(reasons)}; {windows}")


def fit_quietly(model: Model, rfm: pd.DataFrame) -> Model:
    """Fit without warnings, which remain available in ``fit_report_``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model.fit(rfm)
    return model


def _cutoffs(plan: SnapshotPlan, first_day: date) -> list[date]:
    """List cutoffs of non-overlapping windows, each after at least a window's length of history."""
    cutoffs = [add_days(plan.validation, -plan.window_days * i) for i in range(_WINDOWS)]
    kept = [day for day in cutoffs if (day - first_day).days >= plan.window_days]
    return kept or [plan.validation]


def _losses(cutoff: date, rows: pd.DataFrame, window_days: int) -> pd.DataFrame:
    forecasts = _forecasts(rows, float(window_days))
    table = []
    for model in _contenders(list(forecasts)):
        expected, silent = (
            np.mean(values, axis=0) for values in zip(*(forecasts[m] for m in model), strict=True)
        )
        for target, loss in (
            ("counts", poisson_deviance(rows["purchases"].to_numpy(np.float64), expected)),
            ("churn", log_loss(rows["churned"].to_numpy(np.float64), silent)),
        ):
            name, mean = " + ".join(model), float(loss.mean())
            table.append({"cutoff": cutoff, "target": target, "model": name, "loss": mean})
    return pd.DataFrame(table)


def _forecasts(rows: pd.DataFrame, window: float) -> dict[str, tuple[Floats, Floats]]:
    """Forecast purchases and the probability of none by every model or its fallback."""
    forecasts = {}
    for name in TRANSACTION_MODELS:
        if name in CNBD_MODELS and (rows.loc[rows["frequency"] > 0, "recency"] <= 0).any():
            continue
        try:
            model = fit_quietly(transaction_model(name), rows)
        except FitError:
            continue
        expected = model.expected_purchases(rows, window)
        forecasts[name] = (expected, model.probability_no_purchase(rows, window))
    return forecasts


def _contenders(names: Sequence[str]) -> list[tuple[str, ...]]:
    every = [tuple(names)] if len(names) > 2 else []
    return [*((name,) for name in names), *combinations(names, 2), *every]


def _reason(target: str, losses: pd.Series, best: str) -> str:
    name = best if " + " not in best else f"the mean of {best}"
    usual = f", {USUAL} {losses[USUAL]:.4f}" if USUAL in losses.index and best != USUAL else ""
    return f"{target} by {name} ({_TARGETS[target]} {losses[best]:.4f}{usual})"
