"""Customers from the day on which they were given to an owner: expected then, and realised since."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pandas as pd

from guanxi.decisions.programme._performance import performance
from guanxi.errors import DataError, HistoryError

Score = Callable[[date], pd.DataFrame]
Realised = Callable[[date, int], pd.DataFrame]
# What is compared: realised, expected, and whether it is a probability.
MEASURES = {
    "spend": ("spend", "expected_spend_total", False),
    "purchases": ("purchases", "expected_purchases", False),
    "kept": ("kept", "expected_kept", True),
}
LEVELS = ("owner", "team")


@dataclass(frozen=True)
class TeamPerformance:
    """Performance by owner and, if known, by team.

    Attributes
    ----------
    table : pandas.DataFrame
        ``by`` (owner, team), ``measure`` (spend, purchases, kept) and the columns of :func:`performance`.
    handovers : pandas.DataFrame
        One row per customer and hand-over that is compared.
    left_out : int
        Hand-overs too late, too short or of customers who had not bought before.
    """

    table: pd.DataFrame
    handovers: pd.DataFrame = field(repr=False)
    left_out: int


def team_performance(
    owners: pd.DataFrame, score: Score, realised: Realised, *, as_of: date, days: int, level: float = 0.95
) -> TeamPerformance:
    """Compare owners and teams by what their customers did after hand-over.

    The prediction is of the last day of the month before the hand-over, so that nothing the owner did touches
    it, and the outcome is counted over the ``days`` after that day.

    Parameters
    ----------
    owners : pandas.DataFrame
        ``customer_id, date, owner`` and optionally ``team``: an owner is responsible from the day on, until
        the customer's next row.
    score : callable
        The prediction table as of a day.
    realised : callable
        ``customer_id, purchases, spend`` of those who bought in a number of days after a day.
    as_of : datetime.date
        Hand-overs whose days end later are left out, like those after which another owner came sooner.
    days : int
    level : float
        Of the intervals.

    Raises
    ------
    DataError
        If no hand-over can be compared, or only those of one owner.
    """
    given = _kept_long_enough(owners, as_of, days)
    parts = []
    for day in sorted(set(given["scored_on"])):
        part = _with_outcomes(given[given["scored_on"] == day], day, score, realised, days)
        if part is not None:
            parts.append(part)
    handovers = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if handovers.empty:
        raise DataError(
            f"no customer was handed over early enough before {as_of} for {days} days of outcomes, and had "
            "bought before: give earlier dates in relations.owners, or a shorter --horizon"
        )
    tables = [
        performance(rows, by, actual, expected, probability=probability, level=level).assign(
            by=by, measure=name
        )
        for by in LEVELS
        if by in handovers and (by == "owner" or len(handovers[by].dropna().unique()) >= 2)
        for name, (actual, expected, probability) in MEASURES.items()
        if len(rows := handovers.dropna(subset=[by, actual, expected])) > 0
    ]
    table = pd.concat(tables, ignore_index=True)
    columns = ["by", "measure", *(name for name in table if name not in ("by", "measure"))]
    return TeamPerformance(table[columns], handovers, len(owners) - len(handovers))


def _kept_long_enough(owners: pd.DataFrame, as_of: date, days: int) -> pd.DataFrame:
    """Hand-overs after which the owner stayed for the window, and it is over."""
    table = owners.assign(date=pd.to_datetime(owners["date"]).dt.normalize())
    table = table.sort_values(["customer_id", "date"], kind="stable")
    until = table.groupby("customer_id")["date"].shift(-1)
    scored_on = table["date"].dt.to_period("M").dt.start_time - timedelta(days=1)
    end = scored_on + timedelta(days=days)
    kept = (end <= pd.Timestamp(as_of)) & (until.isna() | (until > end))
    found: pd.DataFrame = table.assign(scored_on=scored_on.dt.date)[kept]
    return found


def _with_outcomes(
    rows: pd.DataFrame, day: date, score: Score, realised: Realised, days: int
) -> pd.DataFrame | None:
    try:
        predicted = score(day)
    except HistoryError:  # nobody had bought by then
        return None
    columns = ["customer_id", "expected_purchases", "expected_spend", "churn_probability"]
    found = rows.merge(predicted[columns], on="customer_id").merge(
        realised(day, days), on="customer_id", how="left"
    )
    bought = found["purchases"].notna()
    return found.assign(
        purchases=found["purchases"].astype(float).fillna(0.0),
        spend=found["spend"].astype(float).where(bought, 0.0),
        kept=bought.astype(float),
        expected_spend_total=found["expected_purchases"] * found["expected_spend"],
        expected_kept=1.0 - found["churn_probability"],
    )
