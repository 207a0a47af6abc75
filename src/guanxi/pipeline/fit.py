"""Fit value models and their corrections with the data up to one day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.data.usability import MINIMUM_REPEATERS
from guanxi.errors import DataError, HistoryError
from guanxi.features.rfm import with_log_gaps
from guanxi.features.snapshots import SnapshotPlan, features_at, plan_snapshots, snapshot
from guanxi.models import GammaGamma
from guanxi.models.purchase_models import CNBD_MODELS, transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.params import LifetimeValueParams, Params
from guanxi.pipeline._base_learners import MODELLED_OUTCOMES
from guanxi.pipeline._fit_month_index import fit_month_index
from guanxi.pipeline.correction import ALONE, FittedCorrection, _alone, _fit_correction
from guanxi.pipeline.selection import Choice, _choose_models, _only, fit_quietly
from guanxi.pipeline.tuning import _tune
from guanxi.served.driver_texts import driver_of
from guanxi.served.model import (
    DataRules,
    Drivers,
    FittedProcess,
    LifetimeValue,
    Limits,
    Matrix,
    PurchaseModels,
    ServedModel,
    SpendModel,
)
from guanxi.served.scorer import Scorer

_REFERENCE_ROWS = 200
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class FittedModels:
    """All that was learnt from the data up to ``as_of``.

    Attributes
    ----------
    as_of : date
        The last day that was used.
    transactions : dict
        Models of repeat purchases by the name under which they serve.
    choice : Choice
        Which of them serves for what, and why.
    spend : GammaGamma
    corrections : dict
        Target (``churn``, ``purchases``, ``spend``) to what the trees add to it, and why.
    plan : SnapshotPlan or None
        The snapshots the trees were grown on.
    model : ServedModel
    trees : dict
        Target to the trees in LightGBM's text format; targets without trees are absent.
    features : pandas.DataFrame
        The feature table as of ``as_of``.
    tuning : pandas.DataFrame or None
        Settings of the trees that were tried, see :func:`.tuning._tune`; None: the given ones serve untried.
    """

    as_of: date
    transactions: dict[str, TransactionModel]
    choice: Choice
    spend: Any
    corrections: dict[str, FittedCorrection]
    plan: SnapshotPlan | None
    model: ServedModel
    trees: dict[str, list[str]]
    features: pd.DataFrame
    tuning: pd.DataFrame | None = None

    @property
    def window_days(self) -> int:
        """The window that features are made for: the trees' own, else the horizon."""
        return self.model.limits.window_days

    @property
    def fit_notes(self) -> list[str]:
        """Fallbacks and warnings of the value models, for whoever reads their numbers."""
        reports = [model.fit_report_ for model in (*self.transactions.values(), self.spend)]
        return [said for report in reports for said in (report["fallback"], *report["warnings"]) if said]

    @property
    def scorer(self) -> Scorer:
        """What turns feature tables into predictions."""
        return Scorer(self.model, self.trees)

    def contender(self, name: str) -> Scorer:
        """Score as if one contender of :mod:`.correction` had been chosen for every target that has it."""
        options = {
            target: fitted.options.get(name, fitted.options[ALONE])
            for target, fitted in self.corrections.items()
        }
        corrections = {target: model for target, (model, _) in options.items()}
        trees = {target: texts for target, (_, texts) in options.items() if texts}
        return Scorer(replace(self.model, corrections=corrections), trees)


def fit_models(
    log: TransactionLog, as_of: date, params: Params, on_step: OnStep = lambda _: None
) -> FittedModels:
    """Fit everything with the data up to and including ``as_of``.

    Raises
    ------
    HistoryError
        If nobody had bought by then.
    DataError
        If too few customers bought again, or all amounts are equal.
    """
    plan = plan_snapshots(log.first_day, as_of, params.horizon_days, params.churn.snapshot_spacing_days)
    window = plan.window_days if plan else params.horizon_days
    # The trees must meet the features they learnt from, also where their window is shorter.
    features = features_at(log, as_of, window)
    _check_fittable(features, as_of, params.clv)
    snapshots = cache(lambda day: snapshot(log, day, window))
    on_step("purchases and spend")
    choice = _choose(log, plan, params, snapshots)
    transactions, choice = _fit_transactions(log, as_of, features, choice, params)
    spend = _fit_spend(features, params)
    model = _value_models(as_of, params, features, window, transactions, choice, spend)
    ages, purchases = features["T"].to_numpy(), Scorer(model, {}).purchases
    model = replace(model, month_index=fit_month_index(log, as_of, ages, purchases))
    value_models = Scorer(model, {})

    def base(target: str, rows: pd.DataFrame, day: date, days: int) -> NDArray[np.float64]:
        return value_models.base(target, rows, days, day.isoformat())

    prior = base("churn", features, as_of, params.horizon_days)
    drivers = replace(model.drivers, reference=_reference(features, prior))
    learning = [each for each in MODELLED_OUTCOMES if each.name != "spend" or params.clv.spend != "mean"]
    settings, tuning = _tune(learning, plan, snapshots, base, params.churn, params.seed, on_step)
    corrections = {}
    for target in MODELLED_OUTCOMES:
        if target not in learning:
            corrections[target.name] = _alone(target, "clv.spend is mean")
            continue
        on_step(f"corrections by trees: {target.name}")
        corrections[target.name] = _fit_correction(
            target, plan, snapshots, base, features, params.horizon_days, settings, params.seed
        )
    trees = {name: fitted.texts for name, fitted in corrections.items() if fitted.texts}
    chosen = {name: fitted.model for name, fitted in corrections.items()}
    model = replace(model, drivers=drivers, corrections=chosen)
    return FittedModels(
        as_of=as_of,
        transactions=transactions,
        choice=choice,
        spend=spend,
        corrections=corrections,
        plan=plan,
        model=replace(model, features={name: driver_of(name) for name in Scorer(model, trees).features}),
        trees=trees,
        features=features,
        tuning=tuning,
    )


def fit_notes(served: FittedModels, twin: FittedModels | None) -> list[str]:
    """Tell what the fits found, and where the twin that was measured is another model than the served one."""
    said = list(served.fit_notes)
    if twin is None:
        return said
    said += [f"twin: {note}" for note in twin.fit_notes if note not in said]
    for target in ("counts", "churn"):
        own, measured = (" + ".join(getattr(fitted.choice, target)) for fitted in (served, twin))
        if own != measured:
            said.append(f"{target}: what was measured is {measured}, what serves is {own}")
    return said


def _check_fittable(features: pd.DataFrame, as_of: date, params: LifetimeValueParams) -> None:
    """Refuse a customer base that value models cannot learn from, saying what is missing.

    Raises
    ------
    HistoryError, DataError
    """
    if features.empty:
        raise HistoryError(
            f"no customer had bought by {as_of}: choose a later --as-of or a shorter --horizon"
        )
    repeaters = int((features["frequency"] > 0).sum())
    if repeaters < MINIMUM_REPEATERS:
        raise DataError(
            f"only {repeaters} of {len(features):,} customers had bought again by {as_of}, at least "
            f"{MINIMUM_REPEATERS} are needed to learn a rhythm: use a longer history or a shorter --horizon"
        )
    amounts = features.loc[features["frequency"] > 0, "monetary_value"]
    if params.spend == "gamma_gamma" and np.ptp(amounts) <= 1e-9 * amounts.max():
        raise DataError(
            f"every repeat purchase amounts to {amounts.iloc[0]:g}, so customers' spend cannot be told "
            "apart: map amount to the column of prices, or expect the mean of everyone with "
            "--set clv.spend=mean"
        )


def _choose(
    log: TransactionLog,
    plan: SnapshotPlan | None,
    params: Params,
    snapshots: Callable[[date], pd.DataFrame],
) -> Choice:
    if params.clv.model != "auto":
        return _only(params.clv.model, f"clv.model is {params.clv.model}")
    return _choose_models(plan, log.first_day, lambda day: with_log_gaps(snapshots(day), log, day))


def _fit_transactions(
    log: TransactionLog, as_of: date, features: pd.DataFrame, choice: Choice, params: Params
) -> tuple[dict[str, TransactionModel], Choice]:
    """Fit the chosen models; where another one stands in for one of them, it serves under its own name."""
    rows = with_log_gaps(features, log, as_of) if set(choice.names) & set(CNBD_MODELS) else features
    fitted = {name: fit_quietly(transaction_model(name, params.clv.engine), rows) for name in choice.names}
    serving = {name: model.process_.name for name, model in fitted.items()}
    # Names may repeat: where two fell back to one, the mean that was compared counts it twice too.
    counts, churn = (tuple(serving[name] for name in names) for names in (choice.counts, choice.churn))
    # A model asked for goes before one that stands in under the same name.
    own_last = sorted(fitted.items(), key=lambda pair: serving[pair[0]] == pair[0])
    return {serving[name]: model for name, model in own_last}, replace(choice, counts=counts, churn=churn)


def _fit_spend(features: pd.DataFrame, params: Params) -> GammaGamma:
    """Fit Gamma-Gamma, or let it fall back to one mean amount for everyone where that is asked for."""
    if params.clv.spend == "gamma_gamma":
        return fit_quietly(GammaGamma(), features)
    repeaters = features["frequency"] > 0
    mean = np.average(features["monetary_value"][repeaters], weights=features["frequency"][repeaters])
    equal = fit_quietly(GammaGamma(), features.assign(monetary_value=np.where(repeaters, mean, 0.0)))
    equal.fit_report_ |= {"fallback": None, "warnings": []}  # one mean for all was asked for
    return equal


def _value_models(
    as_of: date,
    params: Params,
    features: pd.DataFrame,
    window_days: int,
    transactions: dict[str, TransactionModel],
    choice: Choice,
    spend: GammaGamma,
) -> ServedModel:
    """Give the served model as far as the value models go: without seasons and corrections."""
    history_days = int(features["T"].max()) + 1
    return ServedModel(
        as_of=as_of.isoformat(),
        horizon_days=params.horizon_days,
        language=params.language,
        data=DataRules(**{rule.name: getattr(params.data, rule.name) for rule in fields(DataRules)}),
        purchases=PurchaseModels(
            {name: FittedProcess(*_estimates(model)) for name, model in transactions.items()},
            choice.counts,
            choice.churn,
        ),
        spend=SpendModel(spend.process_.name, *_estimates(spend)),
        lifetime_value=LifetimeValue(params.clv.annual_discount_rate, params.clv.margin, params.clv.interval),
        drivers=Drivers(params.drivers.top),
        limits=Limits(
            customers=len(features),
            repeat_customers=int((features["frequency"] > 0).sum()),
            history_days=history_days,
            window_days=window_days,
            longest_measurable_horizon_days=history_days // 2,
        ),
    )


def _estimates(model: Any) -> tuple[dict[str, float], Matrix | None]:
    """Parameters and the covariance of their logarithms; None where the data do not tell them apart."""
    covariance = model.log_covariance_.to_numpy()
    known = bool(np.isfinite(covariance).all())
    return model.params_, _rows(covariance) if known else None


def _reference(features: pd.DataFrame, prior: NDArray[np.float64]) -> Matrix:
    """Histories that stand for the average customer: evenly spread over the ranks of the prior log odds."""
    count = min(_REFERENCE_ROWS, len(features))
    ranks = ((np.arange(count) + 0.5) * len(features) / count).astype(int)
    rows = features[["frequency", "recency", "T"]].to_numpy(dtype=np.float64)
    return _rows(rows[np.argsort(prior, kind="stable")[ranks]])


def _rows(matrix: NDArray[np.float64]) -> Matrix:
    return tuple(map(tuple, matrix.tolist()))
