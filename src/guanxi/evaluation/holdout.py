"""A twin model measured on the window it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation import metrics, predictive
from guanxi.evaluation.baselines import own_past_rate
from guanxi.features.rfm import purchases_until
from guanxi.features.snapshots import outcome_expression
from guanxi.models.scoring import calibrated
from guanxi.periods import add_days
from guanxi.pipeline.fit import FittedModels

GUANXI = "guanxi"
NAIVE = "naive (own past rate)"
PURCHASE_MODEL = "purchase model alone"
_TRACKING_DAYS = 7
_PIT_ROWS = 10_000  # rows whose distributions are held at once
_PIT_SEED = 0


@dataclass(frozen=True)
class Holdout:
    """What a twin predicted for a window it had not seen, and what happened.

    Attributes
    ----------
    cutoff, end : date
        The window: after the day ``cutoff``, up to and including ``end``.
    table : pandas.DataFrame
        One row per customer known at the cutoff: ``customer_id, frequency, recency, T, monetary_value,
        probability_alive, expected_purchases, expected_spend, expected_spend_total, clv_lower, clv_upper,
        churn_probability`` and the outcomes ``purchases, spend, churned``.
    metrics : pandas.DataFrame
        ``target, model, metric, value``.
    tracking : pandas.DataFrame
        ``date, actual, expected``: cumulative repeat purchases of these customers, week by week.
    """

    cutoff: date
    end: date
    table: pd.DataFrame
    metrics: pd.DataFrame
    tracking: pd.DataFrame

    def value(self, target: str, metric: str, model: str = GUANXI) -> float:
        """One metric of one model."""
        m = self.metrics
        return float(m.loc[(m.target == target) & (m.metric == metric) & (m.model == model), "value"].iloc[0])


def evaluate_holdout(log: TransactionLog, twin: FittedModels, horizon_days: int) -> Holdout:
    """Score the twin's customers and compare with the ``horizon_days`` after its day."""
    grain = log.params.event_grain
    outcomes = outcome_expression(log.events, twin.as_of, horizon_days, grain).execute()
    scores = twin.scorer.score(twin.features, horizon_days=horizon_days, drivers=0)
    table = scores.assign(
        customer_id=twin.features["customer_id"],
        expected_spend_total=scores["expected_purchases"] * scores["expected_spend"],
    ).merge(outcomes, on="customer_id", how="left")
    table = table.fillna({"purchases": 0.0, "spend": 0.0})
    table["churned"] = (table["purchases"] == 0).astype(float)
    prior = twin.scorer.log_odds_prior(twin.features, horizon_days)
    alone = calibrated(prior, slope=1.0, intercept=0.0)
    return Holdout(
        cutoff=twin.as_of,
        end=add_days(twin.as_of, horizon_days),
        table=table.drop(columns=["as_of", "horizon_days", "next_purchase_date"]),
        metrics=pd.concat(
            [_compare(table, own_past_rate(twin.features, horizon_days), alone), _predictive(twin, table)],
            ignore_index=True,
        ),
        tracking=_track(log, twin, add_days(twin.as_of, horizon_days)),
    )


def _compare(table: pd.DataFrame, naive: pd.DataFrame, alone: NDArray[np.float64]) -> pd.DataFrame:
    forecasts: list[tuple[str, str, Mapping[str, Callable[..., float]], pd.Series, object]] = [
        ("purchases", GUANXI, metrics.COUNTS, table["purchases"], table["expected_purchases"]),
        ("purchases", NAIVE, metrics.COUNTS, table["purchases"], naive["purchases"]),
        ("spend", GUANXI, metrics.AMOUNTS, table["spend"], table["expected_spend_total"]),
        ("spend", NAIVE, metrics.AMOUNTS, table["spend"], naive["spend"]),
        ("churn", GUANXI, metrics.PROBABILITIES, table["churned"], table["churn_probability"]),
        ("churn", PURCHASE_MODEL, metrics.PROBABILITIES, table["churned"], alone),
        ("churn", NAIVE, metrics.PROBABILITIES, table["churned"], naive["churn_probability"]),
    ]
    rows = [
        {"target": target, "model": model, "metric": name, "value": metric(actual, predicted)}
        for target, model, functions, actual, predicted in forecasts
        for name, metric in functions.items()
    ]
    return pd.DataFrame(rows)


def _predictive(twin: FittedModels, table: pd.DataFrame) -> pd.DataFrame:
    """How good the whole predictive distributions were, and the intervals cut from them."""
    value = twin.model["lifetime_value"]
    horizon, level = int(table["horizon_days"].iloc[0]), float(value["interval"])
    ends = twin.scorer.interval(twin.features, horizon, level)
    pit = np.concatenate(
        [
            _pit(twin, table.iloc[start : start + _PIT_ROWS], horizon)
            for start in range(0, len(table), _PIT_ROWS)
        ]
    )
    rows: list[dict[str, object]] = [
        {"target": "purchases", "model": GUANXI, "metric": "pit_ks", "value": predictive.ks_distance(pit)}
    ]
    for target in ("purchases", "spend"):
        actual, lower, upper = table[target], ends[f"{target}_lower"], ends[f"{target}_upper"]
        for metric, value in (
            ("coverage", predictive.coverage(actual, lower, upper)),
            ("mean_width", predictive.mean_width(lower, upper)),
            ("interval_score", predictive.interval_score(actual, lower, upper, level)),
        ):
            rows.append({"target": target, "model": GUANXI, "metric": metric, "value": value})
    return pd.DataFrame(rows)


def _pit(twin: FittedModels, table: pd.DataFrame, horizon_days: int) -> NDArray[np.float64]:
    most = int(table["purchases"].max())
    chances = twin.scorer.count_probabilities(table, horizon_days, most)
    return predictive.randomised_pit(table["purchases"], chances, table["customer_id"], _PIT_SEED)


def _track(log: TransactionLog, twin: FittedModels, end: date) -> pd.DataFrame:
    """Cumulative repeat purchases of the twin's customers, as counted and as expected of newcomers."""
    events = purchases_until(log.events, end, log.params.event_grain)
    firsts = events.group_by("customer_id").agg(first=events.date.min())
    repeats = events.inner_join(firsts, "customer_id")
    repeats = repeats.filter((repeats.first <= ibis.literal(twin.as_of)) & (repeats.date > repeats.first))
    counts = repeats.group_by("date").agg(n=repeats.count()).order_by("date").execute()
    days = pd.date_range(log.first_day, end, freq=f"{_TRACKING_DAYS}D")
    actual = counts.set_index(pd.to_datetime(counts["date"]))["n"].cumsum()
    since_birth, customers = np.unique(twin.features["T"].to_numpy(), return_counts=True)
    elapsed = (days - pd.Timestamp(twin.as_of)).days.to_numpy()[:, None] + since_birth[None, :]
    expected = twin.scorer.purchases.expected_purchases_new(np.maximum(elapsed, 0.0).ravel())
    return pd.DataFrame(
        {
            "date": days,
            "actual": actual.reindex(days, method="ffill").fillna(0.0).to_numpy(),
            "expected": expected.reshape(elapsed.shape) @ customers,
        }
    )
