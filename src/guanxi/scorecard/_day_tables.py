"""The tables of a scorecard as of one day: predictions, indicators, segments."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

import numpy as np
import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.relations.customer_totals import totals_at
from guanxi.features.relations.measures import COLUMNS
from guanxi.features.rhythm import rhythm_at
from guanxi.params import Params
from guanxi.scorecard._notes import Names, Note
from guanxi.scorecard.indicators import indicator_table, own_indicators
from guanxi.scorecard.scoring._relationship import Relationship
from guanxi.scorecard.targets._estimates import DENOMINATORS
from guanxi.segments.clusters import Segmentation
from guanxi.segments.contract_cells import contract_cells
from guanxi.segments.lifecycle import lifecycle_stages
from guanxi.segments.matrix import AXES, relationship_matrix
from guanxi.segments.playbook import recommend_actions
from guanxi.segments.rfm_cells import rfm_cells

_OF_THE_PREDICTIONS = (
    "as_of", "horizon_days", "model_version", "frequency", "recency", "T", "monetary_value",
    "probability_alive", "expected_purchases", "expected_spend", "clv", "clv_lower", "clv_upper",
    "value_at_risk", "churn_probability", "next_purchase_date",
)  # fmt: skip
_OF_ACTIONS = ("action", "action_channel", "action_cost")
# Names that indicators of the business's own cannot have.
RESULT_COLUMNS = (
    *("customer_id", "score", "grade", "rank", "tier", "tier_kept", "known_weight", "group"),
    *("lifecycle_stage", "lifecycle_reason", "rfm_cell", "rfm_segment", "matrix_cell"),
    *("contract_cell", "contract_segment"),
    *(*_OF_THE_PREDICTIONS, *_OF_ACTIONS),
)
# Under contract a payment is due in every period: only its amount and how long it is paid say anything.
_OF_BUYING = (
    "purchase_frequency", "average_order", "repeat_rate", "probability_alive", "rhythm_kept", "refund_share",
    "spend_volatility",
)  # fmt: skip
_BEHAVIOUR_AND_ATTITUDE = (
    "purchase_frequency", "average_order", "category_breadth", "interactions", "csat", "nps_score",
)  # fmt: skip


class Reporter(Protocol):
    """Reports progress to the user."""

    def step(self, title: str, *, extra: bool = False) -> AbstractContextManager[Any]:
        """Show that a step is under way; ``extra`` if not every scorecard takes it."""

    def say(self, text: str) -> None:
        """Print a permanent line."""

    def warn(self, text: str) -> None:
        """Show a warning about the result."""


@dataclass(frozen=True)
class ScorecardInputs:
    """Inputs of a scorecard.

    Attributes
    ----------
    log : TransactionLog or None
        None: customers without purchases, scored on what the relation tables and the predictions know.
    relations : Relations
    score : callable
        Returns the prediction table as of a day.
    horizon_days, window_days : int
        Of the model: its prediction horizon, and the length of the recent past.
    margin_rate : float
        Of the model: margin as a share of revenue where the log has none.
    params : Params
    contracts : bool
        Whether the log has the payments of contracts.
    dated : bool
        Whether the data tell who the customers were on earlier days.
    """

    log: TransactionLog | None
    relations: Relations
    score: Callable[[date], pd.DataFrame]
    horizon_days: int
    window_days: int
    margin_rate: float
    params: Params
    contracts: bool = False
    dated: bool = True


@dataclass(frozen=True)
class DayTables:
    """Tables of one day, one row per customer; all but ``relation_features`` in the same order.

    Attributes
    ----------
    as_of : datetime.date
    predictions : pandas.DataFrame
        The prediction table.
    indicators : pandas.DataFrame
        ``customer_id``, every indicator of the catalogue and the business's own.
    relation_features : pandas.DataFrame
        As of the day, including customers without a purchase.
    totals : pandas.DataFrame
    notes : list of str
        Absent inputs.
    """

    as_of: date
    predictions: pd.DataFrame = field(repr=False)
    indicators: pd.DataFrame = field(repr=False)
    relation_features: pd.DataFrame = field(repr=False)
    totals: pd.DataFrame = field(repr=False)
    notes: list[str]


def with_denominators(day: DayTables) -> pd.DataFrame:
    """Add the denominators of ratios to the indicators: a portfolio's mean is then a ratio of sums."""
    names = [name for name in DENOMINATORS.values() if name in day.relation_features]
    own = day.relation_features[["customer_id", *names]]
    return day.indicators.merge(own, "left", "customer_id")


def day_tables(inputs: ScorecardInputs, as_of: date) -> DayTables:
    """Compute the predictions and every indicator as of a day.

    Raises
    ------
    HistoryError
        If no customer had bought by then.
    DataError
        If the relation tables are contradictory.
    """
    predictions = inputs.score(as_of)
    totals = totals_at(inputs.log, as_of) if inputs.log else pd.DataFrame({"customer_id": [], "revenue": []})
    features = _referred_by_then(relation_features(inputs.relations, as_of), predictions)
    known = features if len(features) else None
    indicators, notes = indicator_table(predictions, totals, known, margin_rate=inputs.margin_rate)
    if inputs.contracts:
        indicators[[*_OF_BUYING]] = np.nan
        notes.append(Note("contract_payments", names=Names(_OF_BUYING)))
    own, more = own_indicators(
        inputs.params.scorecard.indicators, indicators["customer_id"], features, inputs.relations, as_of
    )
    indicators, notes = pd.concat([indicators, own], axis=1), [*notes, *more]
    if inputs.log is None:
        notes = [Note("no_purchases"), *notes]
    return DayTables(as_of, predictions, indicators, features, totals, notes)


def without_purchases(predictions: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Complete a table of customers without purchases to a prediction table, in which the rest is unknown.

    Parameters
    ----------
    predictions : pandas.DataFrame
        ``customer_id`` and what is known, such as ``churn_probability``.
    as_of : datetime.date
    """
    unknown = {name: np.nan for name in _OF_THE_PREDICTIONS if name not in predictions}
    return predictions.assign(**unknown | {"as_of": as_of})


def _referred_by_then(features: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Drop undated referrals: customers neither acquired nor buying by then may have come later."""
    later = features["acquired_days"].isna() & ~features["customer_id"].isin(predictions["customer_id"])
    return features.assign(referred_by=features["referred_by"].mask(later))


def customer_table(
    inputs: ScorecardInputs, day: DayTables, scored: Relationship, groups: Segmentation | None = None
) -> pd.DataFrame:
    """Join score, reasons, predictions, segments and action of every customer.

    The tables of ``scored`` are in the order of the predictions; ``groups`` are the segments found in the
    attributes.
    """
    card = scored.card.table
    if scored.stability is not None:
        place = list(card.columns).index("tier") + 1
        card = card.copy(deep=False)
        card.insert(place, "tier_kept", scored.stability.kept)
    predictions, dimension_scores = day.predictions, {"customer_id": card["customer_id"]}
    dimension_scores |= {name: card[f"{name}_score"] for name in AXES if f"{name}_score" in card}
    points = [name for name in card.columns if name.endswith("_points")]
    drivers = [name for name in predictions.columns if name.startswith("driver_") or name == "margin_rate"]
    parts = [
        card.drop(columns=points),
        predictions[[*_OF_THE_PREDICTIONS, *drivers]],
        *_of_purchases(inputs, day),
        _without_id(relationship_matrix(pd.DataFrame(dimension_scores))),
    ]
    if groups is not None:
        parts.append(groups.customers[["segment"]].rename(columns={"segment": "group"}))
    table = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
    table = table.merge(_attributes(day, [*table.columns, *_OF_ACTIONS, *points]), "left", "customer_id")
    indicators = _indicator_columns(day, table)
    actions = recommend_actions(pd.concat([table, indicators], axis=1), inputs.params.playbook)
    factors = [] if scored.factors is None else [_without_id(scored.factors)]
    last = [_without_id(actions), *factors, card[points].reset_index(drop=True)]
    return pd.concat([table, *last, indicators], axis=1)


def _of_purchases(inputs: ScorecardInputs, day: DayTables) -> list[pd.DataFrame]:
    """Stage of the relationship and segment by RFM, or what stands for it; none without purchases."""
    if inputs.log is None:
        return []
    rhythm = rhythm_at(inputs.log, day.as_of, inputs.window_days)
    revenue = day.totals[["customer_id", "revenue"]]
    behaviour = day.predictions.merge(rhythm, "left", "customer_id").merge(revenue, "left", "customer_id")
    stages = lifecycle_stages(behaviour, inputs.window_days)
    cells = contract_cells if inputs.contracts else rfm_cells
    return [_without_id(stages), _without_id(cells(behaviour))]


def _without_id(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="customer_id").reset_index(drop=True)


def _attributes(day: DayTables, taken: Any) -> pd.DataFrame:
    """Columns of the customers table, renamed where the name is taken."""
    features = day.relation_features
    names = [*COLUMNS["customers"], *own_attributes(features)]
    if features.empty:
        return features[["customer_id"]]
    indicators = set(day.indicators.columns) - {"customer_id"}
    renamed = {name: f"{name}_" for name in names if name in indicators or name in set(taken)}
    return features[["customer_id", *names]].rename(columns=renamed).dropna(axis="columns", how="all")


def own_attributes(features: pd.DataFrame) -> list[str]:
    """Names of the user's own columns of the customers table."""
    worked_out = {name for names in COLUMNS.values() for name in names}
    return [str(name) for name in features.columns if name not in worked_out and name != "customer_id"]


def _indicator_columns(day: DayTables, table: pd.DataFrame) -> pd.DataFrame:
    """Select indicators known for at least one customer that are not yet in the table."""
    known = day.indicators.drop(columns="customer_id").dropna(axis="columns", how="all")
    return known[[name for name in known.columns if name not in table.columns]].reset_index(drop=True)


def group_attributes(day: DayTables) -> pd.DataFrame | None:
    """Attributes, behaviour and attitudes to find segments in; None if no attribute is known.

    Returns ``customer_id`` and these columns, in the order of the predictions.
    """
    attributes = day.predictions[["customer_id"]].merge(_attributes(day, ()), "left", "customer_id")
    attributes = attributes.drop(
        columns=["acquired_days", "acquisition_cost", "referred_by"], errors="ignore"
    )
    if len(attributes.columns) == 1:
        return None
    numbers = day.indicators[[*_BEHAVIOUR_AND_ATTITUDE]].dropna(axis="columns", how="all")
    return pd.concat([attributes, numbers.reset_index(drop=True)], axis=1)
