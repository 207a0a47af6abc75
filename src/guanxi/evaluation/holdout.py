"""Evaluation of a twin model on its holdout window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation import metrics
from guanxi.evaluation._baselines import BASELINES, baseline_forecasts
from guanxi.evaluation._bootstrap import bootstrap
from guanxi.evaluation._crps import _customer_crps
from guanxi.evaluation._predictive import measure_distributions
from guanxi.evaluation.decomposition import LossName, _decompose
from guanxi.evaluation.grade import Grade, OutcomeName, _grade_forecast
from guanxi.evaluation.realised_performance import outcomes, with_outcomes
from guanxi.evaluation.retention_profit import measure_offer
from guanxi.features.rfm import purchases_until
from guanxi.params import OfferParams
from guanxi.periods import add_days
from guanxi.pipeline.correction import ALONE, TREES_ALONE
from guanxi.pipeline.fit import FittedModels
from guanxi.served.ordering import first_highest
from guanxi.served.scorer import Scorer
from guanxi.served.texts import Language

GUANXI = "guanxi"
COMPONENTS = (ALONE, TREES_ALONE)
# Outcome: its column among the outcomes and among the forecasts, and its metrics.
_OUTCOMES: dict[OutcomeName, tuple[str, str, dict[str, metrics.Metric]]] = {
    "purchases": ("purchases", "purchases", metrics.COUNTS),
    "spend": ("spend", "spend", metrics.SPEND),
    "churn": ("churned", "churn_probability", metrics.PROBABILITIES),
}
LOSSES: dict[OutcomeName, LossName] = {
    "churn": "log_loss",
    "purchases": "poisson_deviance",
    "spend": "tweedie_deviance",
}
_TRACKING_DAYS = 7


@dataclass(frozen=True)
class Holdout:
    """Predictions of a twin for its holdout window, and the outcomes.

    Attributes
    ----------
    cutoff, end : date
        The window: from the day after ``cutoff`` to ``end`` inclusive.
    table : pandas.DataFrame
        One row per customer known at the cutoff: ``customer_id, frequency, recency, T, monetary_value,
        probability_alive, expected_purchases, expected_spend, expected_spend_total, clv_lower, clv_upper,
        churn_probability`` and the outcomes ``purchases, spend, churned``.
    metrics : pandas.DataFrame
        ``target, model, metric, value, lower, upper``: guanxi, its components and the naive forecasts, with
        90 % bootstrap intervals over customers. The CRPS of a naive forecast, which is one number, is its
        mean absolute error. The profit of an offer to stay (:mod:`.retention_profit`) has no interval, since
        resampling inflates it. If requested, with the parts of the losses: :mod:`.decomposition`.
    differences : pandas.DataFrame
        ``target, model, reference, metric, gain, lower, upper``: guanxi's lead over each other model,
        positive if guanxi is better. Empty unless requested.
    grades : dict
        Target to its :class:`.Grade`, or None if the window is not informative. Without amounts there is no
        spend, here and in the tables.
    tracking : pandas.DataFrame
        ``date, actual, expected``: weekly cumulative repeat purchases of these customers.
    deciles : pandas.DataFrame
        ``target, decile, customers, forecast, actual, ratio``: totals of purchases and spend by decile of
        the forecast.
    """

    cutoff: date
    end: date
    table: pd.DataFrame
    metrics: pd.DataFrame
    differences: pd.DataFrame
    grades: dict[str, Grade | None]
    tracking: pd.DataFrame
    deciles: pd.DataFrame

    def value(self, target: str, metric: str, model: str = GUANXI) -> float:
        """One metric of one model; NaN if not evaluated."""
        m = self.metrics
        found = m.loc[(m.target == target) & (m.metric == metric) & (m.model == model), "value"]
        return float(found.iloc[0]) if len(found) else float("nan")

    @property
    def warnings(self) -> list[str]:
        """Warnings to be shown with the predictions."""
        return [each.warning for each in self.grades.values() if each and each.warning]

    @property
    def reasons(self) -> list[str]:
        """Why the grades B are no A."""
        return [each.reason for each in self.grades.values() if each and each.reason]

    def said(self, language: Language) -> list[str]:
        """Reasons and warnings in a language, the reasons first."""
        known = [each.said[language] for each in self.grades.values() if each]
        return [each.reason for each in known if each.reason] + [
            each.warning for each in known if each.warning
        ]

    @property
    def biased(self) -> list[str]:
        """Warnings of totals so far off that the model should not be used without a look."""
        return [each.warning for each in self.grades.values() if each and each.biased and each.warning]

    def best_baseline(self, target: OutcomeName, metric: str) -> str:
        """Name of the best naive forecast by a metric."""
        measured = {name: self.value(target, metric, name) for name in BASELINES}
        known = {name: value for name, value in measured.items() if not np.isnan(value)}
        better = _OUTCOMES[target][2][metric]
        return list(known)[first_highest(better.gain(value, 0.0) for value in known.values())]


def evaluate_holdout(
    log: TransactionLog,
    twin: FittedModels,
    horizon_days: int,
    *,
    seed: int = 0,
    language: Language = "en",
    thorough: bool = False,
    forecast_days: int | None = None,
    offer: OfferParams | None = None,
) -> Holdout:
    """Score the twin's customers and compare with the outcomes of the ``horizon_days`` after its cutoff.

    Parameters
    ----------
    log : TransactionLog
    twin : FittedModels
    horizon_days : int
    seed : int
        Seed of the bootstrap.
    language : {"en", "zh"}
        Language of the grades.
    thorough : bool
        Whether to bootstrap every model and guanxi's lead over each, not only guanxi, and to decompose the
        losses of guanxi and its components.
    forecast_days : int, optional
        Horizon that is asked for; if it is longer than the window, no grade is better than B.
    offer : OfferParams, optional
        The offer to stay by which the profit of the churn probabilities is measured.
    """
    scores = twin.scorer.score(twin.features, horizon_days=horizon_days, drivers=0)
    scored = scores.assign(customer_id=twin.features["customer_id"])
    table = with_outcomes(scored, outcomes(log, twin.as_of, horizon_days))
    own = {GUANXI: _forecasts(scores)}
    scorers = {GUANXI: twin.scorer} | _components(twin)
    own |= {name: _component(each, twin, horizon_days) for name, each in scorers.items() if name != GUANXI}
    naive = _naive(log, twin, horizon_days)
    crps = {name: _customer_crps(each, twin.features, horizon_days, table) for name, each in scorers.items()}
    measured, differences = _compare(table, own | naive, crps, seed, thorough)
    distributions = measure_distributions(twin, table).assign(model=GUANXI)
    shorter = (horizon_days, forecast_days) if forecast_days and forecast_days > horizon_days else None
    profits = _profits(table, own | naive, offer or OfferParams())
    parts = [_decompositions(table, own)] if thorough else []
    return Holdout(
        cutoff=twin.as_of,
        end=add_days(twin.as_of, horizon_days),
        table=table.drop(columns=["as_of", "horizon_days", "next_purchase_date"]),
        metrics=pd.concat([measured, profits, distributions, *parts], ignore_index=True),
        differences=differences,
        grades=_grades(table, own[GUANXI], naive, crps[GUANXI], seed, language, shorter),
        tracking=_track(log, twin, add_days(twin.as_of, horizon_days)),
        deciles=_deciles(table, own[GUANXI]),
    )


def _forecasts(scores: Any) -> pd.DataFrame:
    """Purchases, total spend and churn probability under the column names of the naive forecasts."""
    purchases, churn = scores["expected_purchases"], scores["churn_probability"]
    spend = purchases * scores["expected_spend"]
    return pd.DataFrame({"purchases": purchases, "spend": spend, "churn_probability": churn})


def _known_outcomes(
    forecasts: pd.DataFrame,
) -> dict[OutcomeName, tuple[str, str, dict[str, metrics.Metric]]]:
    """Outcomes that are forecast: without amounts, all but the spend."""
    return {name: each for name, each in _OUTCOMES.items() if not forecasts[each[1]].isna().all()}


def _components(twin: FittedModels) -> dict[str, Scorer]:
    """Scorers of the components of the blend."""
    known = [name for name in COMPONENTS if any(name in each.options for each in twin.corrections.values())]
    return {name: twin.contender(name) for name in known}


def _component(scorer: Scorer, twin: FittedModels, horizon_days: int) -> pd.DataFrame:
    return _forecasts(scorer.forecast(twin.features, horizon_days)).set_index(twin.features.index)


def _naive(log: TransactionLog, twin: FittedModels, horizon_days: int) -> dict[str, pd.DataFrame]:
    last = outcomes(log, add_days(twin.as_of, -horizon_days), horizon_days)
    return baseline_forecasts(twin.latest, twin.features, last, twin.window_days, horizon_days)


def _compare(
    table: pd.DataFrame,
    models: dict[str, pd.DataFrame],
    crps: dict[str, dict[str, NDArray[np.float64]]],
    seed: int,
    thorough: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure every model, and the leads of guanxi if ``thorough``."""
    found = []
    for target, (outcome, column, functions) in _known_outcomes(models[GUANXI]).items():
        actual = table[outcome].to_numpy()
        predictions = {name: each[column].to_numpy() for name, each in models.items() if column in each}
        found.append(_measure(target, actual, predictions, functions, seed, thorough))
        if target != "churn":
            scores = {
                name: crps[name][target] if name in crps else np.abs(predicted - actual)
                for name, predicted in predictions.items()
            }
            found.append(_measure(target, actual, scores, metrics.SCORES, seed, thorough))
    measured, differences = (pd.concat(tables, ignore_index=True) for tables in zip(*found, strict=True))
    columns = ["target", "model", "metric", "value", "lower", "upper"]
    gains = ["target", "model", "reference", "metric", "gain", "lower", "upper"]
    return measured.reindex(columns=columns), differences.reindex(columns=gains)


def _measure(
    target: str,
    actual: NDArray[np.float64],
    predictions: dict[str, NDArray[np.float64]],
    functions: dict[str, metrics.Metric],
    seed: int,
    thorough: bool,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Metrics of all models, and the leads of guanxi over those that are bootstrapped."""
    chosen = predictions if thorough else {GUANXI: predictions[GUANXI]}
    sampled = bootstrap(actual, chosen, functions, seed=seed)
    others = [
        {"model": name, "metric": metric, "value": function(actual, predictions[name])}
        for name in predictions
        if name not in chosen
        for metric, function in functions.items()
    ]
    leads = [
        sampled.gain(metric, GUANXI, name) | {"reference": name, "metric": metric}
        for name in chosen
        if name != GUANXI
        for metric in functions
    ]
    measured = pd.concat([sampled.intervals(), pd.DataFrame(others)], ignore_index=True)
    return measured.assign(target=target), pd.DataFrame(leads).assign(target=target, model=GUANXI)


def _profits(table: pd.DataFrame, models: dict[str, pd.DataFrame], offer: OfferParams) -> pd.DataFrame:
    """Profit of the offer by each model's churn probabilities, as metrics of churn."""
    probabilities = {
        name: each["churn_probability"] for name, each in models.items() if "churn_probability" in each
    }
    return measure_offer(table["churned"], probabilities, offer).assign(target="churn")


def _decompositions(table: pd.DataFrame, models: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Parts of the loss of each target, as metrics such as ``log_loss_level``."""
    rows = [
        {"target": target, "model": name, "metric": f"{LOSSES[target]}_{part}", "value": value}
        for target, (outcome, column, _) in _known_outcomes(models[GUANXI]).items()
        for name, each in models.items()
        for part, value in _decompose(LOSSES[target], table[outcome], each[column]).items()
    ]
    return pd.DataFrame(rows)


def _deciles(table: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    targets = [target for target in _known_outcomes(own) if target != "churn"]
    found = [
        metrics._totals_by_decile(table[target], own[target]).assign(target=target) for target in targets
    ]
    return pd.concat(found, ignore_index=True)


def _grades(
    table: pd.DataFrame,
    own: pd.DataFrame,
    naive: dict[str, pd.DataFrame],
    crps: dict[str, NDArray[np.float64]],
    seed: int,
    language: Language,
    shorter: tuple[int, int] | None,
) -> dict[str, Grade | None]:
    grades: dict[str, Grade | None] = {}
    for target, (outcome, column, _) in _known_outcomes(own).items():
        known = {name: each[column].to_numpy() for name, each in naive.items() if column in each}
        scores = crps.get(target)
        grades[target] = _grade_forecast(
            target, table[outcome], own[column], known, seed, crps=scores, shorter=shorter, language=language
        )
    return grades


def _track(log: TransactionLog, twin: FittedModels, end: date) -> pd.DataFrame:
    """Cumulative repeat purchases of the twin's customers: actual, and expected from first purchase."""
    events = purchases_until(log.events, end, log.params.event_grain)
    firsts = events.group_by("customer_id").agg(first=events.date.min())
    repeats = events.inner_join(firsts, "customer_id")
    repeats = repeats.filter((repeats.first <= ibis.literal(twin.as_of)) & (repeats.date > repeats.first))
    counts = repeats.group_by("date").agg(n=repeats.count()).order_by("date").execute()
    days = pd.date_range(log.first_day, end, freq=f"{_TRACKING_DAYS}D")
    actual = counts.set_index(pd.to_datetime(counts["date"]))["n"].cumsum()
    since_birth, customers = np.unique(twin.features["T"].to_numpy(), return_counts=True)
    elapsed = (days - pd.Timestamp(twin.as_of)).days.to_numpy()[:, None] + since_birth[None, :]
    # Whole days: there are as many of them as the history has days, not as many as ages times weeks.
    lengths, inverse = np.unique(np.maximum(elapsed, 0.0), return_inverse=True)
    expected = twin.scorer.purchases.expected_purchases_new(lengths)[inverse]
    counted = actual.reindex(days, method="ffill").fillna(0.0).to_numpy()
    return pd.DataFrame(
        {"date": days, "actual": counted, "expected": expected.reshape(elapsed.shape) @ customers}
    )
