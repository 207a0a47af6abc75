"""Fit value models and their corrections to the data up to a cutoff."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.features.distinct_histories import DistinctHistories, number_of_customers
from guanxi.features.snapshots import SnapshotPlan, features_at, plan_snapshots, snapshots_at
from guanxi.models import GammaGamma
from guanxi.models.margins import fit_margins
from guanxi.models.purchase_models import transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.params import Params
from guanxi.periods import days_per_unit
from guanxi.pipeline._base_learners import MODELLED_OUTCOMES, Base, SharedTables
from guanxi.pipeline._fittable import check_fittable, check_horizon
from guanxi.pipeline._value_fits import _candidates, _fit_spend, _fit_transactions
from guanxi.pipeline.correction import ALONE, CONTENDERS, _alone, _fit_correction, _FittedCorrection
from guanxi.pipeline.level._refits import refit_models
from guanxi.pipeline.level.forecast import PortfolioLevel, fit_level
from guanxi.pipeline.selection import Choice, _choose_models, _only
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
from guanxi.served.spend import UNKNOWN

_REFERENCE_ROWS = 200
_GRAINS_WITH_LEVEL = ("D", "W")
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class FittedModels:
    """All models fitted to the data up to ``as_of``.

    Attributes
    ----------
    as_of : date
        Last day used.
    transactions : dict
        Purchase models by the name under which they are served.
    choice : Choice
        Which of them forecasts counts and churn, and why.
    spend : GammaGamma or None
        None without amounts.
    corrections : dict
        Target (``churn``, ``purchases``, ``spend``) to its :class:`._FittedCorrection`.
    plan : SnapshotPlan or None
        Snapshots to which the trees were fitted.
    model : ServedModel
    trees : dict
        Target to its trees in LightGBM's text format; targets without trees are absent.
    features : pandas.DataFrame
        The feature table as of ``as_of``.
    level : PortfolioLevel or None
        Errors of totals learnt from earlier cutoffs; None if purchases are merged by month or year.
    tuning : pandas.DataFrame or None
        Trials of tree settings, see :func:`.tuning._tune`; None without tuning.
    latest : pandas.DataFrame or None
        The last snapshot with outcomes, that of the plan's validation day; None without a plan.
    """

    as_of: date
    transactions: dict[str, TransactionModel]
    choice: Choice
    spend: Any
    corrections: dict[str, _FittedCorrection]
    plan: SnapshotPlan | None
    model: ServedModel
    trees: dict[str, list[str]]
    features: pd.DataFrame
    level: PortfolioLevel | None = None
    tuning: pd.DataFrame | None = None
    latest: pd.DataFrame | None = None

    @property
    def window_days(self) -> int:
        """Window length of the features: that of the trees, else the horizon."""
        return self.model.limits.window_days

    @property
    def fit_notes(self) -> list[str]:
        """Fallbacks and warnings of the value models."""
        models = (*self.transactions.values(), *([self.spend] if self.spend else []))
        reports = [model.fit_report_ for model in models]
        return [note for report in reports for note in (report["fallback"], *report["warnings"]) if note]

    @property
    def level_notes(self) -> list[str]:
        """What earlier forecasts of totals missed by, and what is done about it: one sentence, if known."""
        return [self.level.describe(self.model.horizon_days)] if self.level else []

    @property
    def scorer(self) -> Scorer:
        """Scorer of feature tables."""
        return Scorer(self.model, self.trees)

    def contender(self, name: str) -> Scorer:
        """Scorer with one contender of :mod:`.correction` for every target that has it."""
        options = {
            target: fitted.options.get(name, fitted.options[ALONE])
            for target, fitted in self.corrections.items()
        }
        corrections = {target: model for target, (model, _) in options.items()}
        trees = {target: texts for target, (_, texts) in options.items() if texts}
        return Scorer(replace(self.model, corrections=corrections), trees)


def fit_models(
    log: TransactionLog,
    as_of: date,
    params: Params,
    on_step: OnStep = lambda _: None,
    contenders: Collection[str] = CONTENDERS,
) -> FittedModels:
    """Fit all models to the data up to and including ``as_of``.

    Of the contenders for the corrections (:mod:`.correction`), the chosen one is fitted and those named.

    Raises
    ------
    ParamsError
        If the horizon is shorter than a period of BG/BB.
    HistoryError
        If there is no customer by then.
    DataError
        If too few customers bought again, or all amounts are equal.
    """
    check_horizon(params)
    plan = plan_snapshots(log.first_day, as_of, params.horizon_days, params.churn.snapshot_spacing_days)
    window = plan.window_days if plan else params.horizon_days
    # Use the window length of the trees, even if it is shorter than the horizon.
    features = features_at(log, as_of, window)
    check_fittable(features, as_of, params.clv.spend if log.has_amounts else None)
    days = (*plan.training, plan.validation) if plan else ()
    snapshots = snapshots_at(log, days, window).__getitem__
    on_step("purchases and spend")
    choice = _choose(log.first_day, plan, params, snapshots)
    known = DistinctHistories(log, as_of, features)
    transactions, choice = _fit_transactions(known, choice, params)
    spend = _fit_spend(known.amounts, params) if log.has_amounts else None
    model = _value_models(
        as_of, params, features, _limits(known.histories, window), transactions, choice, spend
    )
    on_step("level")
    level = _fit_level(log, as_of, [transactions[name] for name in dict.fromkeys(choice.counts)], params)
    flat = Scorer(model, {})
    model = _at_level(flat, level, features)
    base = _remembered_base(Scorer(model, {}))
    prior = base("churn", features, as_of, params.horizon_days)
    drivers = replace(model.drivers, reference=_reference(features, prior))
    without = "clv.spend is mean" if log.has_amounts else "the data have no amounts"
    has_spend = log.has_amounts and params.clv.spend != "mean"
    corrected = [each for each in MODELLED_OUTCOMES if each.name != "spend" or has_spend]
    settings, tuning = _tune(corrected, plan, snapshots, base, params.churn, params.seed, on_step)
    corrections, shared = {}, SharedTables()
    for target in MODELLED_OUTCOMES:
        if target not in corrected:
            corrections[target.name] = _alone(target, without)
            continue
        on_step(f"corrections by trees: {target.name}")
        corrections[target.name] = _fit_correction(
            target,
            plan,
            snapshots,
            base,
            flat.base,
            features,
            params.horizon_days,
            settings,
            params.seed,
            shared,
            contenders,
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
        level=level,
        tuning=tuning,
        latest=snapshots(plan.validation) if plan else None,
    )


def _remembered_base(value_models: Scorer) -> Base:
    """Score tables by the value models, each table once for a target, day and window."""
    known: dict[tuple[str, int, date, int], tuple[pd.DataFrame, NDArray[np.float64]]] = {}

    def base(target: str, rows: pd.DataFrame, day: date, days: int) -> NDArray[np.float64]:
        key = target, id(rows), day, days
        if key not in known:  # the table is kept, so that no other gets its id
            known[key] = rows, value_models.base(target, rows, days, day.isoformat())
        return known[key][1]

    return base


def fit_notes(served: FittedModels, twin: FittedModels | None) -> list[str]:
    """List notes on the fits, and on differences between the served model and the evaluated twin."""
    notes = list(served.fit_notes)
    if twin is None:
        return notes
    notes += [f"twin: {note}" for note in twin.fit_notes if note not in notes]
    for target in ("counts", "churn"):
        own, evaluated = (" + ".join(getattr(fitted.choice, target)) for fitted in (served, twin))
        if own != evaluated:
            notes.append(f"{target}: the evaluated twin uses {evaluated}, the served model {own}")
    return notes


def _choose(
    first_day: date,
    plan: SnapshotPlan | None,
    params: Params,
    snapshots: Callable[[date], pd.DataFrame],
) -> Choice:
    if params.clv.model != "auto":
        return _only([params.clv.model], f"clv.model is {params.clv.model}")
    return _choose_models(plan, first_day, snapshots, params.seed, _candidates(params))


def _value_models(
    as_of: date,
    params: Params,
    features: pd.DataFrame,
    limits: Limits,
    transactions: dict[str, TransactionModel],
    choice: Choice,
    spend: GammaGamma | None,
) -> ServedModel:
    """Assemble the served model from the value models, without seasons and corrections."""
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
        spend=_served_spend(spend),
        lifetime_value=LifetimeValue(params.clv.annual_discount_rate, params.clv.margin, params.clv.interval),
        drivers=Drivers(params.drivers.top),
        limits=limits,
        margin=fit_margins(features) if spend and "margin_share" in features else None,
    )


def _limits(histories: pd.DataFrame, window_days: int) -> Limits:
    customers = number_of_customers(histories)
    each = np.ones(len(histories)) if customers is None else customers
    history_days = int(histories["T"].max()) + 1
    return Limits(
        customers=int(each.sum()),
        repeat_customers=int(each[histories["frequency"] > 0].sum()),
        history_days=history_days,
        window_days=window_days,
        longest_measurable_horizon_days=history_days // 2,
    )


def _fit_level(
    log: TransactionLog, as_of: date, fitted: Sequence[TransactionModel], params: Params
) -> PortfolioLevel | None:
    """Learn the level of the totals from refits; periods longer than its steps have none.

    The regularity of the gaps is taken as known from the whole history: the search for it would take ten
    times as long as the refits.
    """
    grain = params.data.event_grain
    if grain not in _GRAINS_WITH_LEVEL:
        return None
    models = [partial(_unfitted, model, days_per_unit(grain)) for model in fitted]
    with_spend = log.has_amounts and params.clv.spend != "mean"
    return fit_level(refit_models(log, as_of, models, with_spend=with_spend), params.horizon_days)


def _unfitted(fitted: TransactionModel, period: float) -> TransactionModel:
    """Make a model as was fitted, with its regularity."""
    model = transaction_model(fitted.process_.name, "guanxi", period)
    return model.set_params(k=int(fitted.params_["k"])) if "k" in fitted.params_ else model


def _at_level(flat: Scorer, level: PortfolioLevel | None, features: pd.DataFrame) -> ServedModel:
    """Add the intensity of purchases that the level expects to the model of a scorer without one."""
    if level is None:
        return flat.model
    x, t_x, T = (features[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T"))
    return replace(flat.model, intensity=level.intensity(flat.purchases, (x, t_x, T)))


def _served_spend(spend: GammaGamma | None) -> SpendModel:
    if spend is None:
        return SpendModel(UNKNOWN.name, {}, None)
    return SpendModel(spend.process_.name, *_estimates(spend))


def _estimates(model: Any) -> tuple[dict[str, float], Matrix | None]:
    """Parameters and the covariance of their logarithms; None if they are not identified."""
    covariance = model.log_covariance_.to_numpy()
    known = bool(np.isfinite(covariance).all())
    return model.params_, _rows(covariance) if known else None


def _reference(features: pd.DataFrame, prior: NDArray[np.float64]) -> Matrix:
    """Select reference histories for the average customer, evenly spaced by rank of the prior log odds."""
    count = min(_REFERENCE_ROWS, len(features))
    ranks = ((np.arange(count) + 0.5) * len(features) / count).astype(int)
    rows = features[["frequency", "recency", "T"]].to_numpy(dtype=np.float64)
    return _rows(rows[np.argsort(prior, kind="stable")[ranks]])


def _rows(matrix: NDArray[np.float64]) -> Matrix:
    return tuple(map(tuple, matrix.tolist()))
