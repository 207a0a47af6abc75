"""Selection of the purchase models using earlier windows, separately for counts and churn."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError, FitError, FitWarning
from guanxi.features.distinct_histories import number_of_customers
from guanxi.features.snapshots import SnapshotPlan
from guanxi.models.gamma_gamma import GammaGamma
from guanxi.models.purchase_models import CNBD_MODELS, transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.pipeline._base_learners import CHURN, PURCHASES, ModelledOutcome
from guanxi.pipeline.correction import _disjoint_days, _paired
from guanxi.served.ordering import first_lowest

Floats = NDArray[np.float64]
Model = TypeVar("Model", TransactionModel, GammaGamma)
Snapshots = Callable[[date], pd.DataFrame]
Members = tuple[str, ...]

USUAL: Members = ("bg_nbd", "mbg_nbd")
CANDIDATES: Members = (*USUAL, "bg_cnbd", "mbg_cnbd")
_WINDOWS = 3
_MOST_ROWS = 3000  # customers of a window; more hardly change the comparison
_CLEAR = 2.0  # standard errors
_LEAST = 1e-12
_TARGETS = {"counts": PURCHASES, "churn": CHURN}


@dataclass(frozen=True)
class Choice:
    """The models to be averaged, and why.

    Attributes
    ----------
    counts, churn : tuple of str
        Names of models as in ``clv.model``.
    losses : pandas.DataFrame or None
        ``cutoff, target, model, loss`` on earlier windows, each at the window's level; means of models are
        named ``a + b``.
    reason : str
    """

    counts: Members
    churn: Members
    losses: pd.DataFrame | None
    reason: str

    @property
    def names(self) -> list[str]:
        """All models needed, without repeats."""
        return list(dict.fromkeys([*self.counts, *self.churn]))


def _only(names: Sequence[str], reason: str) -> Choice:
    """Choose the same models for both targets."""
    return Choice(tuple(names), tuple(names), None, reason)


def _choose_models(
    plan: SnapshotPlan | None,
    first_day: date,
    snapshots: Snapshots,
    seed: int,
    candidates: Members = CANDIDATES,
) -> Choice:
    """Fit the candidates at earlier cutoffs and compare their forecasts of the windows that follow.

    Each model and the mean of any of them are compared out of sample, on at most three non-overlapping
    windows, each forecast at the window's own level. The mean of :data:`USUAL` stays unless another is better
    by two standard errors; models all at the edge of their parameters are not chosen if others are not.
    ``snapshots`` returns features (with ``log_gap_sum``) and outcomes at one of the plan's days.
    """
    usual = f"the mean of {' + '.join(USUAL)}"
    if plan is None:
        return _only(USUAL, f"the history holds no earlier window to compare models on: {usual}")
    windows = [
        _compare(day, snapshots(day), plan.window_days, seed, candidates) for day in _days(plan, first_day)
    ]
    windows = [window for window in windows if window.losses["counts"]]
    if not windows:
        return _only(USUAL, f"no model could be fitted at an earlier cutoff: {usual}")
    found = {target: _choose(target, windows) for target in _TARGETS}
    several = f"{len(windows)} earlier window{'s' * (len(windows) > 1)} of {plan.window_days} days"
    return Choice(
        counts=found["counts"][0],
        churn=found["churn"][0],
        losses=pd.concat([window.table() for window in windows], ignore_index=True),
        reason=f"{found['counts'][1]}; {found['churn'][1]}; on {several}",
    )


def _with_one_inside(
    choice: Choice,
    fitted: dict[str, TransactionModel],
    fit: Callable[[str], TransactionModel],
    candidates: Members = CANDIDATES,
) -> Choice:
    """Add a model to those that are all at the edge of their parameters, where another candidate is not.

    ``fitted`` holds the models of the choice, fitted on the training day; further fits are added to it.
    """
    for target in _TARGETS:
        names = getattr(choice, target)
        if not all(_is_at_edge(fitted[name]) for name in names):
            continue
        for other in candidates:
            with suppress(FitError, DataError):  # such as gaps of 0, which have no regularity
                fitted[other] = fitted.get(other) or fit(other)
        inside = [name for name in candidates if name in fitted and not _is_at_edge(fitted[name])]
        if inside:
            why = f"{inside[0]} added, since {' and '.join(names)} ended at the edge of the parameters"
            added: dict[str, Any] = {
                target: (*names, inside[0]),
                "reason": f"{choice.reason}; {target}: {why}",
            }
            choice = replace(choice, **added)
    return choice


def _is_at_edge(model: TransactionModel) -> bool:
    """Whether a fit ended at the edge of its parameters: their limits, a fallback, or a + b below 1.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> rfm = simulate_bg_nbd({"r": 0.5, "alpha": 4.5, "a": 0.8, "b": 2.5}, n=500, T=40.0, seed=1)
    >>> _is_at_edge(BetaGeoNBD().fit(rfm))
    False
    """
    report, params = model.fit_report_, model.params_
    polarised = "a" in params and params["a"] + params["b"] < 1.0
    return bool(report["at_limit"]) or report["fallback"] is not None or not report["identified"] or polarised


def fit_quietly(model: Model, rfm: pd.DataFrame) -> Model:
    """Fit to rows or to counted histories without warnings, which remain in ``fit_report_``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model.fit(rfm, number_of_customers(rfm))
    return model


@dataclass(frozen=True)
class _Window:
    """Losses of each customer on one window by target and members, and the models inside their parameters."""

    cutoff: date
    losses: dict[str, dict[Members, Floats]]
    inside: set[str]

    def table(self) -> pd.DataFrame:
        """Mean losses."""
        return pd.DataFrame(
            {
                "cutoff": self.cutoff,
                "target": target,
                "model": " + ".join(members),
                "loss": float(each.mean()),
            }
            for target, losses in self.losses.items()
            for members, each in losses.items()
        )


def _days(plan: SnapshotPlan, first_day: date) -> list[date]:
    """Days with non-overlapping windows, latest first, each after at least a window's length of history."""
    days = _disjoint_days(plan)[:_WINDOWS]
    return [day for day in days if (day - first_day).days >= plan.window_days] or days[:1]


def _compare(cutoff: date, rows: pd.DataFrame, window_days: int, seed: int, candidates: Members) -> _Window:
    if len(rows) > _MOST_ROWS:
        chosen = np.random.default_rng(seed).choice(len(rows), _MOST_ROWS, replace=False)
        rows = rows.iloc[np.sort(chosen)]
    fitted = _fit(rows, candidates)
    expected = {name: model.expected_purchases(rows, window_days) for name, model in fitted.items()}
    silent = {name: model.probability_no_purchase(rows, window_days) for name, model in fitted.items()}
    losses: dict[str, dict[Members, Floats]] = {"counts": {}, "churn": {}}
    for members in _means(list(fitted)):
        count, none = (np.mean([each[name] for name in members], axis=0) for each in (expected, silent))
        none = np.clip(none, _LEAST, 1.0 - _LEAST)
        losses["counts"][members] = _levelled(PURCHASES, rows, np.log(np.maximum(count, _LEAST)))
        losses["churn"][members] = _levelled(CHURN, rows, np.log(none) - np.log1p(-none))
    return _Window(cutoff, losses, {name for name, model in fitted.items() if not _is_at_edge(model)})


def _fit(rows: pd.DataFrame, candidates: Members) -> dict[str, TransactionModel]:
    """Fit the candidates; those with Erlang-k gaps only where k is above 1, as they are others at k = 1."""
    fitted = {}
    for name in candidates:
        if name in CNBD_MODELS and (rows.loc[rows["frequency"] > 0, "recency"] <= 0).any():
            continue
        try:
            model = fit_quietly(transaction_model(name), rows)
        except FitError:
            continue
        if model.params_.get("k") != 1.0:
            fitted[name] = model
    return fitted


def _levelled(target: ModelledOutcome, rows: pd.DataFrame, score: Floats) -> Floats:
    """Loss of each customer after the score is shifted to the mean outcome.

    What moves all customers alike, such as a season, says nothing about the models' customers.
    """
    outcome, weight = target.outcome(rows)
    return target.losses(outcome, score + target.level(score, weight, float(outcome.mean())))


def _means(names: Sequence[str]) -> list[Members]:
    """List each model and the means of several."""
    return [members for size in range(1, len(names) + 1) for members in combinations(names, size)]


def _choose(target: str, windows: Sequence[_Window]) -> tuple[Members, str]:
    """Choose the usual mean, unless another is clearly better; return the members and the reason."""
    losses = [window.losses[target] for window in windows]
    everywhere = [members for members in losses[0] if all(members in each for each in losses)]
    inside = windows[0].inside
    allowed = [members for members in everywhere if inside.intersection(members)] or everywhere
    pooled = {members: np.concatenate([each[members] for each in losses]) for members in allowed}
    best = allowed[first_lowest(float(pooled[members].mean()) for members in allowed)]
    if USUAL in pooled:
        gain, error = _paired(pooled[USUAL], pooled[best], np.ones(len(pooled[best])))
        best = best if gain > _CLEAR * error else USUAL
    name = " + ".join(best)
    loss = f"{_TARGETS[target].loss_name} {pooled[best].mean():.4f}"
    others = "".join(
        f", {' + '.join(members)} {pooled[members].mean():.4f}"
        for members in ((USUAL[0],), USUAL)
        if members in pooled and members != best
    )
    return best, f"{target} by {name if len(best) == 1 else f'the mean of {name}'} ({loss}{others})"
