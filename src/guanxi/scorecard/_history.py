"""Earlier days scored with today's scale and weights: tier migration and drift of the weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from guanxi.errors import DataError, FitError, HistoryError, ParamsError
from guanxi.params import Params
from guanxi.periods import add_days
from guanxi.scorecard._day_tables import ScorecardInputs, day_tables, with_denominators
from guanxi.scorecard._notes import Note
from guanxi.scorecard.scoring._dynamics import Migration, Proposal, migration, propose_weights, weight_drift
from guanxi.scorecard.scoring._relationship import Relationship, normalise, score_other_day
from guanxi.scorecard.scoring._tier_stability import rank_agreement
from guanxi.scorecard.scoring._tiers import TIERS, TierRule, fit_tiers
from guanxi.scorecard.weights._weighting import BY_DATA


@dataclass(frozen=True)
class History:
    """Scorecards of earlier days, compared with the present one.

    Attributes
    ----------
    days : list of datetime.date
        From the earliest to the present day.
    indicators : dict of datetime.date to pandas.DataFrame
        Of the earlier days.
    migrations : dict of tuple of datetime.date to Migration
        From each day to the next.
    agreement : pandas.DataFrame
        Kendall's tau between the scores of each pair of days.
    drift : pandas.DataFrame or None
        Drift of the data weights since the previous day; None if all weights are judged.
    proposal : Proposal or None
        The current weights with those that clearly drifted updated, and the effect of adopting them.
    notes : tuple of str
    cards : dict of datetime.date to pandas.DataFrame
        Scores of the customers of each day, also the present one.
    """

    days: list[date]
    indicators: dict[date, pd.DataFrame] = field(repr=False)
    migrations: dict[tuple[date, date], Migration]
    agreement: pd.DataFrame
    drift: pd.DataFrame | None
    proposal: Proposal | None
    notes: tuple[str, ...] = ()
    cards: dict[date, pd.DataFrame] = field(default_factory=dict, repr=False)

    @property
    def latest(self) -> Migration:
        """Migration from the previous day to the present one."""
        return self.migrations[self.days[-2], self.days[-1]]


def earlier_days(inputs: ScorecardInputs, as_of: date, periods: int) -> list[date]:
    """Return ``periods`` earlier days, spaced one horizon apart.

    Raises HistoryError if the data does not reach back far enough.
    """
    log, horizon_days = inputs.log, inputs.horizon_days
    if log is None or not inputs.dated:
        if periods:
            told = (
                "customers without purchases have"
                if log is None
                else f"{log.source}: a file of customers has"
            )
            raise HistoryError(f"{told} no earlier days: leave out --history")
        return []
    days = [add_days(as_of, -horizon_days * back) for back in range(periods, 0, -1)]
    earliest = add_days(log.first_day, horizon_days)
    if days and days[0] < earliest:
        possible = max(0, (as_of - earliest).days // horizon_days)
        raise HistoryError(
            f"{log.source}: {periods} periods of {horizon_days} days before {as_of} begin on {days[0]}, "
            f"too close to the first day of the data, {log.first_day}: use --history {possible}"
        )
    return days


def look_back(inputs: ScorecardInputs, present: Relationship, days: list[date], as_of: date) -> History:
    """Score the customers of :func:`earlier_days`.

    The present model is used: features of an earlier day use no later data, but the model's parameters do.
    """
    indicators = {day: with_denominators(day_tables(inputs, day)) for day in days}
    return compare_days(indicators, present, as_of, inputs.params)


def compare_days(
    indicators: dict[date, pd.DataFrame], present: Relationship, as_of: date, params: Params
) -> History:
    """Score the indicators of earlier days, from the earliest, and compare them with the present day."""
    tables = {day: score_other_day(each, present).table for day, each in indicators.items()}
    tables[as_of] = present.card.table
    days = list(tables)
    moves = {
        (one, other): migration(tables[one], tables[other], TIERS) for one, other in itertools.pairwise(days)
    }
    scores = {day.isoformat(): table.set_index("customer_id")["score"] for day, table in tables.items()}
    drift = proposal = None
    notes: tuple[str, ...] = ()
    if params.scorecard.weights.data:
        before = normalise(indicators[days[-2]], present.measuring)
        try:
            drift, proposal = _drift(before, present, params)
        except (DataError, FitError, ParamsError) as error:
            notes = (Note("drift_failed", day=days[-2].isoformat(), error=str(error)),)
    return History(days, indicators, moves, rank_agreement(scores), drift, proposal, notes, tables)


def _drift(before: pd.DataFrame, present: Relationship, params: Params) -> tuple[pd.DataFrame, Proposal]:
    tiers = params.scorecard.tiers
    # Tiers by value do not depend on the weights.
    rule = TierRule("percentile" if tiers.method == "pareto" else tiers.method)
    if tiers.method == "percentile":
        rule = TierRule("percentile", tiers.high, tiers.middle)
    names = _known_in_both(before, present.normalised, list(present.weighting.weights))
    columns = ["customer_id", *names]
    by_data = BY_DATA[str(params.scorecard.weights.data)]
    now = normalise(present.indicators, present.measuring)
    drift = weight_drift(before[columns], now[columns], by_data, seed=params.seed)
    proposal = propose_weights(
        present.normalised[columns],
        {name: present.weighting.weights[name] for name in names},
        {name: present.weighting.computed[name] for name in names},
        drift,
        lambda scores: fit_tiers(scores, rule).assign(scores),
        TIERS,
        present.card.method,
        present.weighting.paths,
    )
    return drift, proposal


def _known_in_both(before: pd.DataFrame, after: pd.DataFrame, names: Sequence[str]) -> list[str]:
    return [name for name in names if before[name].notna().any() and after[name].notna().any()]
