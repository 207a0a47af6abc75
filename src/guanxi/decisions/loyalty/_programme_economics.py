"""All figures of a loyalty programme as of a day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.decisions.loyalty._break_even import break_even_uplift
from guanxi.decisions.loyalty._breakage import Breakage, estimate_breakage
from guanxi.decisions.loyalty._deferred_revenue import allocated_to_points, recognised_revenue
from guanxi.decisions.loyalty._member_matching import MemberComparison, compare_members
from guanxi.decisions.loyalty._membership import COVARIATES, OUTCOMES, joining_months
from guanxi.decisions.loyalty._point_lots import EXPIRED, OPEN, REDEEMED, point_lots
from guanxi.errors import DataError
from guanxi.params import LoyaltyParams


@dataclass(frozen=True)
class LoyaltyResult:
    """Figures of a loyalty programme.

    Attributes
    ----------
    years : pandas.DataFrame
        By year in which points were earned: ``year, earned, redeemed, expired, open``, ``expected`` (points
        expected to be redeemed in all), and with a ``point_value``: ``sales`` of members, ``allocated`` to
        the points, ``recognised`` so far, ``deferred`` (the contract liability), and ``face_value`` of the
        open points that are expected to be redeemed.
    breakage : Breakage or None
        None if too few points are old enough; then the parameters give the share.
    redeemed_share : float
        Share of points expected to be redeemed that was used.
    reward : float or None
        Share of the price given back to members: discount, and points expected to be redeemed.
    break_even : float or None
        Growth of purchases at which it pays.
    members : MemberComparison or None
        None if there are too few to compare.
    days : int
        Length of the window in which members and others are compared.
    notes : tuple of str
        Keys of what is missing: ``few_points, no_value, few_members``.
    """

    years: pd.DataFrame = field(repr=False)
    breakage: Breakage | None
    redeemed_share: float
    reward: float | None
    break_even: float | None
    members: MemberComparison | None
    days: int
    notes: tuple[str, ...]

    @property
    def deferred(self) -> float | None:
        """The contract liability, if amounts are known."""
        return float(self.years["deferred"].sum()) if "deferred" in self.years else None


def loyalty_economics(
    log: TransactionLog,
    points: pd.DataFrame,
    params: LoyaltyParams,
    *,
    as_of: date,
    days: int,
    margin: float,
    level: float = 0.9,
) -> LoyaltyResult:
    """Compute the economics of a loyalty programme.

    Parameters
    ----------
    log : TransactionLog
    points : pandas.DataFrame
        ``customer_id, date, earned`` and optionally ``redeemed, expired``.
    params : LoyaltyParams
    as_of : datetime.date
        Last day used.
    days : int
        Length of the window after joining in which members and others are compared.
    margin : float
        Share of the price that is margin.
    level : float
        Of the intervals.

    Raises
    ------
    DataError
        If no points were earned, or a customer lost more points than they had.
    """
    lots = point_lots(points, as_of)
    notes, breakage = [], None
    try:
        breakage = estimate_breakage(lots, level)
    except DataError:
        if params.redeemed_share is None:
            raise
        notes.append("few_points")
    share = (
        params.redeemed_share if params.redeemed_share is not None else breakage.redeemed if breakage else 1.0
    )
    years = _years(lots, None if params.redeemed_share is not None else breakage, share)
    reward = None
    if params.point_value is not None and log.has_amounts:
        years = _with_amounts(years, _sales(log, points, as_of), share, params)
        sales = float(years["sales"].sum())
        back = float(years["earned"].sum()) * share * params.point_value
        reward = params.discount + (back / sales if sales else 0.0)
    else:
        notes.append("no_value")
    members = _members(log, points, as_of, days, level)
    if members is None:
        notes.append("few_members")
    even = None if reward is None else break_even_uplift(margin, reward)
    return LoyaltyResult(years, breakage, share, reward, even, members, days, tuple(notes))


def _years(lots: pd.DataFrame, breakage: Breakage | None, share: float) -> pd.DataFrame:
    """Points by year of earning, with those expected to be redeemed in all."""
    fate, points = lots["fate"].to_numpy(), lots["points"].to_numpy()
    columns = {"earned": points}
    columns |= {
        name: np.where(fate == each, points, 0.0)
        for name, each in (("redeemed", REDEEMED), ("expired", EXPIRED), ("open", OPEN))
    }
    still = breakage.still_redeemed(lots["age"].to_numpy()) if breakage else np.zeros(len(lots))
    columns["expected"] = columns["redeemed"] + columns["open"] * still
    table = pd.DataFrame(columns).groupby(lots["earned_on"].dt.year.rename("year")).sum().reset_index()
    if breakage is None:
        most = table["redeemed"] + table["open"]
        table["expected"] = np.clip(table["earned"] * share, table["redeemed"], most)
    return table


def _with_amounts(years: pd.DataFrame, sales: pd.Series, share: float, params: LoyaltyParams) -> pd.DataFrame:
    value = float(params.point_value or 0.0)
    table = years.assign(sales=sales.reindex(years["year"]).fillna(0.0).to_numpy())
    rows = table[["sales", "earned", "redeemed", "expected"]].to_numpy(dtype=np.float64).tolist()
    allocated, recognised = [], []
    for paid, earned, redeemed, expected in rows:
        amount = allocated_to_points(paid, earned, share, value, params.decimals)
        allocated.append(amount)
        # With nothing expected to be redeemed nothing is owed.
        done = recognised_revenue(amount, [redeemed], [expected])["revenue"].sum() if expected > 0 else amount
        recognised.append(float(done))
    table = table.assign(allocated=allocated, recognised=recognised)
    return table.assign(
        deferred=table["allocated"] - table["recognised"],
        face_value=(table["expected"] - table["redeemed"]) * value,
    )


def _sales(log: TransactionLog, points: pd.DataFrame, as_of: date) -> pd.Series:
    """Members' purchases by year, from the day of their first points."""
    joined = points.assign(date=pd.to_datetime(points["date"])).groupby("customer_id")["date"].min()
    events = log.events.filter(log.events.date <= as_of).select("customer_id", "date", "amount")
    rows = events.execute()
    when = pd.to_datetime(rows["date"])
    since = joined.dt.normalize().reindex(rows["customer_id"]).to_numpy()
    bought = rows[when.to_numpy() >= since]
    by_year: pd.Series = bought.groupby(when[bought.index].dt.year)["amount"].sum()
    return by_year


def _members(
    log: TransactionLog, points: pd.DataFrame, as_of: date, days: int, level: float
) -> MemberComparison | None:
    rows = joining_months(log, points, as_of, days)
    amounts = log.has_amounts
    covariates = [name for name in COVARIATES if amounts or not name.startswith("spend")]
    outcomes = [name for name in OUTCOMES if amounts or name != "spend"]
    try:
        return compare_members(rows, covariates, outcomes, level)
    except DataError:
        return None
