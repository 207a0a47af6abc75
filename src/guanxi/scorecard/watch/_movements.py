"""Who moved and why: the watch list, the chain of tiers, risk and return."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.transactions import TransactionLog
from guanxi.features.interval_spend import margins_by_interval
from guanxi.periods import add_days
from guanxi.scorecard._day_tables import ScorecardInputs
from guanxi.scorecard._history import History
from guanxi.scorecard.risk_return._customer_risk import (
    customer_risk,
    default_probabilities,
    fit_downside_risk,
    segment_risk,
)
from guanxi.scorecard.risk_return._decision_tree import decision_trees
from guanxi.scorecard.risk_return._efficient_shares import (
    FEWEST_INTERVALS,
    EfficientShares,
    efficient_shares,
    segment_margins,
)
from guanxi.scorecard.scoring._relationship import Relationship
from guanxi.scorecard.transitions._chain_states import chain_states, with_leavers
from guanxi.scorecard.transitions._tier_chain import TierChain, tier_chain, value_steps
from guanxi.scorecard.watch._move_probability import MoveProbabilities, move_probabilities
from guanxi.scorecard.watch._watch_list import watch_list
from guanxi.served.texts import texts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Movements:
    """Who moved and why; parts that need earlier days are None or empty without them.

    Attributes
    ----------
    watch : pandas.DataFrame
        See :func:`._watch_list.watch_list`.
    probabilities : MoveProbabilities or None
    chain : TierChain or None
    risk : pandas.DataFrame
        By customer: see :func:`guanxi.scorecard.risk_return._customer_risk.customer_risk`.
    segments : pandas.DataFrame
        See :func:`guanxi.scorecard.risk_return._customer_risk.segment_risk`.
    measured : bool
        Whether the semi-deviation was measured on earlier periods, not derived from churn alone.
    shares : dict of str to EfficientShares
        By segmentation.
    trees : pandas.DataFrame
        See :func:`guanxi.scorecard.risk_return._decision_tree.decision_trees`.
    days : tuple of datetime.date
        Days compared; the present day alone without a history.
    dated : bool
        Whether the data tell who the customers were on earlier days.
    """

    watch: pd.DataFrame = field(repr=False)
    probabilities: MoveProbabilities | None
    chain: TierChain | None
    risk: pd.DataFrame = field(repr=False)
    segments: pd.DataFrame = field(repr=False)
    measured: bool
    shares: dict[str, EfficientShares]
    trees: pd.DataFrame = field(repr=False)
    days: tuple[date, ...]
    dated: bool = True

    def tables(self) -> dict[str, pd.DataFrame]:
        """Complete tables but the two by customer, by file name."""
        named = {"risk_return": self.segments, "decision_trees": self.trees}
        if self.chain:
            named |= {
                "tier_transitions": self.chain.transitions,
                "tier_equity": self.chain.equity,
                "tier_forecast": self.chain.forecast,
                "tier_forecast_check": self.chain.check,
            }
        if self.probabilities:
            named["move_probability_check"] = self.probabilities.check
        named |= {f"efficient_shares_{name}": each.segments for name, each in self.shares.items()}
        return {name: table for name, table in named.items() if len(table)}


def follow_customers(
    inputs: ScorecardInputs,
    scored: Relationship,
    customers: pd.DataFrame,
    history: History | None,
    segmentations: Sequence[str],
    attributes: Sequence[str],
) -> Movements:
    """Find out who moved, who will, and what is at stake.

    Parameters
    ----------
    inputs : ScorecardInputs
    scored : Relationship
        Of the present day.
    customers : pandas.DataFrame
        The scorecard's table, in the same order.
    history : History or None
    segmentations : sequence of str
        Columns of ``customers`` to compare by risk and return.
    attributes : sequence of str
        Those of them that do not follow from behaviour, so that they can be taken back to earlier days.
    """
    labels = texts("guanxi.scorecard.indicators", inputs.params.language)["indicators"]
    if history is not None and inputs.log is not None:  # what customers earned tells what a move is worth
        return _with_history(
            inputs, inputs.log, scored, customers, history, segmentations, attributes, labels
        )
    risk = customer_risk(customers, None, default_probabilities([_credit(scored.indicators)]))
    cards = {date.max: scored.card.table}
    watch = watch_list(customers, cards, None, None, labels, scored.card, contracts=inputs.contracts)
    segments = segment_risk(customers, risk, segmentations)
    dated = inputs.dated and inputs.log is not None
    return Movements(watch, None, None, risk, segments, False, {}, pd.DataFrame(), (), dated)


def _with_history(
    inputs: ScorecardInputs,
    log: TransactionLog,
    scored: Relationship,
    customers: pd.DataFrame,
    history: History,
    segmentations: Sequence[str],
    attributes: Sequence[str],
    labels: Mapping[str, str],
) -> Movements:
    days = history.days
    indicators = {day: history.indicators[day] for day in days[:-1]} | {days[-1]: scored.indicators}
    margins = _margins(log, inputs.margin_rate, days)
    earned = {day: _of_period(margins, place) for place, day in enumerate(days[:-1])}
    states = {
        day: chain_states(card, _column(indicators[day], "probability_alive"))
        for day, card in history.cards.items()
    }
    now = states[days[-1]]
    if inputs.contracts:
        states = with_leavers(states)
    rate, seed = inputs.params.clv.annual_discount_rate, inputs.params.seed
    chain = tier_chain(states, earned, annual_discount_rate=rate, seed=seed)
    positions = {
        day: _position(card, indicators[day], scored.card.tiers.on) for day, card in history.cards.items()
    }
    probabilities = move_probabilities(history.cards, positions)
    values = value_steps(chain, states[days[-2]].reindex(now.index), now)
    downside = fit_downside_risk(*_outcomes(indicators, earned))
    default = default_probabilities([_credit(each) for each in indicators.values()])
    risk = customer_risk(customers, downside, default)
    return Movements(
        watch_list(
            customers,
            history.cards,
            probabilities.table,
            values,
            labels,
            scored.card,
            contracts=inputs.contracts,
        ),
        probabilities,
        chain,
        risk,
        segment_risk(customers, risk, segmentations),
        downside is not None,
        _shares(customers, history, margins, attributes),
        decision_trees(chain, customers.assign(tier=now.to_numpy())),
        tuple(days),
    )


def _column(indicators: pd.DataFrame, name: str) -> pd.Series[float]:
    return indicators[name] if name in indicators else pd.Series(np.nan, index=indicators.index)


def _credit(indicators: pd.DataFrame) -> pd.DataFrame:
    return indicators.reindex(columns=["customer_id", "overdue_days", "defaults"])


def _margins(log: TransactionLog, margin_rate: float, days: Sequence[date]) -> pd.DataFrame:
    """Margins of each period, divided into intervals of equal length, at least 12 in all."""
    periods, period_days = len(days) - 1, (days[-1] - days[-2]).days
    least = math.ceil(FEWEST_INTERVALS / periods)
    parts = next(each for each in range(min(least, period_days), period_days + 1) if period_days % each == 0)
    step = period_days // parts
    bounds = [days[0], *(add_days(days[0], step * place) for place in range(1, parts * periods + 1))]
    table = margins_by_interval(log, bounds, margin_rate)
    return table.assign(period=table["interval"] // parts)


def _of_period(margins: pd.DataFrame, period: int) -> pd.Series[float]:
    rows = margins[margins["period"] == period]
    return rows.groupby("customer_id")["margin"].sum()


def _position(card: pd.DataFrame, indicators: pd.DataFrame, on: str) -> Floats:
    """Return what the tiers are cut on: the score, or the rank of a value, which has no such even scale."""
    if on == "score":
        return np.asarray(card["score"], dtype=np.float64)
    return np.asarray((100.0 * indicators[on].rank(pct=True)).fillna(0.0), dtype=np.float64)


def _outcomes(
    indicators: Mapping[date, pd.DataFrame], earned: Mapping[date, pd.Series[float]]
) -> tuple[Floats, Floats, Floats]:
    """Collect expected value, churn probability and realised margin of all customers and periods."""
    columns = [
        (
            _column(indicators[day], "future_value").to_numpy(dtype=np.float64),
            1.0 - _column(indicators[day], "retention_probability").to_numpy(dtype=np.float64),
            margin.reindex(indicators[day]["customer_id"]).fillna(0.0).to_numpy(dtype=np.float64),
        )
        for day, margin in earned.items()
    ]
    expected, churn, realised = (np.concatenate(each) for each in zip(*columns, strict=True))
    return expected, churn, realised


def _shares(
    customers: pd.DataFrame, history: History, margins: pd.DataFrame, attributes: Sequence[str]
) -> dict[str, EfficientShares]:
    found = {}
    for name in ("tier", *attributes):
        if name == "tier":
            starts = [history.cards[day][["customer_id", "tier"]] for day in history.days[:-1]]
        else:
            segment = customers.set_index("customer_id")[name]
            starts = [
                card[["customer_id"]].assign(**{name: segment.reindex(card["customer_id"]).to_numpy()})
                for card in (history.cards[day] for day in history.days[:-1])
            ]
        by_interval = segment_margins(starts, margins, name)
        if by_interval.empty:
            continue
        counts = customers[name].value_counts().reindex(by_interval.columns, fill_value=0)
        shares = efficient_shares(by_interval, counts / counts.sum())
        if shares is not None:
            found[name] = shares
    return found
