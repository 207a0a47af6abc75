"""Return of the relationship programme: what it cost by phase, and what its campaigns brought."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from guanxi.errors import DataError, ParamsError, did_you_mean

PHASES = ("collect", "analyse", "set", "act", "evaluate")
EFFECT = "effect"
# Margin is what a campaign earns; spend is the same where no margin is known.
_OUTCOMES = ("margin", "spend")
# Of several estimates, the more exact comes first. An average over all customers, treated or not, is not what
# the treated brought, and is not taken.
_METHODS = ("adjusted", "doubly_robust_att", "difference_in_differences")
_OF_ALL = "doubly_robust_ate"
_COLUMNS = ("outcome", "arm", "method", "kind", "estimate", "lower", "upper", "n_treated")
_NUMBERS = ("estimate", "lower", "upper", "n_treated")
_LARGEST = 1e50  # the squares and products of larger numbers overflow


class CampaignEffects(NamedTuple):
    """Effects of a campaign: its name, the table ``effects.parquet``, its first day and the days measured."""

    name: str
    effects: pd.DataFrame
    day: date
    days: int


@dataclass(frozen=True)
class ProgrammeReturn:
    """Cost, gain and return of a programme, with intervals of the same level.

    Attributes
    ----------
    phases : pandas.DataFrame
        ``phase, cost, share, first, last``: every phase, 0 where nothing was spent.
    campaigns : pandas.DataFrame
        ``campaign, arm, outcome, method, kind, customers``, ``estimate`` (per customer treated), ``gain,
        gain_lower, gain_upper`` and ``counted``.
    timeline : pandas.DataFrame
        ``date, cost, gain, gain_lower, gain_upper``: totals to date, one row per day on which one changes.
    cost, gain, gain_lower, gain_upper : float
    payback, payback_earliest, payback_latest : datetime.date or None
        First day on which the gain to date covers the cost to date and does so until the end: of the estimate
        and of its interval. None if it does not.
    probability : float or None
        That the gain exceeds the cost; None if nothing is counted.
    unmeasured : tuple of str
        Arms without an estimate of the margin (else the spend), which are not counted: ``campaign (arm)``.
    """

    phases: pd.DataFrame = field(repr=False)
    campaigns: pd.DataFrame = field(repr=False)
    timeline: pd.DataFrame = field(repr=False)
    cost: float
    gain: float
    gain_lower: float
    gain_upper: float
    payback: date | None
    payback_earliest: date | None
    payback_latest: date | None
    probability: float | None
    unmeasured: tuple[str, ...] = ()

    def rate(self, gain: float) -> float:
        """Return on the investment of a gain: gain less cost, over cost."""
        return (gain - self.cost) / self.cost


def programme_return(
    investments: pd.DataFrame,
    campaigns: Sequence[CampaignEffects],
    *,
    as_of: date,
    count_differences: Collection[str] = (),
    level: float = 0.95,
) -> ProgrammeReturn:
    """Set the effects of campaigns against the cost of the programme.

    Of each arm, the margin that the campaign brought (else the spend) is counted: the estimate per customer
    times the customers treated. Only what is called an ``effect`` counts, a ``difference`` if its campaign is
    named. Arms of one campaign share their control, so their errors are added as if they were the same;
    errors of different campaigns are independent. The gain comes evenly over the days measured.

    Parameters
    ----------
    investments : pandas.DataFrame
        ``phase`` (collect, analyse, set, act, evaluate), ``date, amount``.
    campaigns : sequence of CampaignEffects
    as_of : datetime.date
        Later costs, and days of gain, are not counted.
    count_differences : collection of str
        Campaigns whose differences count as return.
    level : float
        Of the intervals in the effects, and of those here.

    Raises
    ------
    DataError
        If nothing was invested by ``as_of``, a table lacks a column, or an amount or date is unusable.
    ParamsError
        If a name in ``count_differences`` is not a campaign.

    Examples
    --------
    >>> spent = pd.DataFrame({"phase": ["act"], "date": ["2026-01-01"], "amount": [500.0]})
    >>> effects = pd.DataFrame({"outcome": ["margin"], "arm": ["mail"], "method": ["adjusted"],
    ...     "kind": ["effect"], "estimate": [1.0], "lower": [0.6], "upper": [1.4], "n_treated": [1000]})
    >>> spring = CampaignEffects("spring", effects, date(2026, 1, 1), 100)
    >>> found = programme_return(spent, [spring], as_of=date(2026, 6, 1))
    >>> found.gain, found.rate(found.gain), found.payback.isoformat(), found.payback_latest.isoformat()
    (1000.0, 1.0, '2026-02-19', '2026-03-25')
    """
    known = [campaign.name for campaign in campaigns]
    for name in count_differences:
        if name not in known:
            raise ParamsError(
                f"programme.count_differences: there is no campaign {name!r}: {did_you_mean(name, known)}"
            )
    spent = _spent(investments, as_of)
    cost = float(spent["amount"].sum())
    z = float(norm.ppf((1 + level) / 2))
    table = pd.DataFrame([row for each in campaigns for row in _rows(each, count_differences, as_of)])
    timeline = _timeline(spent, table, campaigns, as_of, z)
    last = timeline.iloc[-1]
    error = float(last["gain_upper"] - last["gain"]) / z
    counted = len(table) > 0 and bool(table["counted"].any())
    probability = None
    if counted:
        probability = (
            float(norm.cdf((last["gain"] - cost) / error)) if error > 0 else float(last["gain"] > cost)
        )
    return ProgrammeReturn(
        _phases(spent, cost),
        table,
        timeline,
        cost,
        float(last["gain"]),
        float(last["gain_lower"]),
        float(last["gain_upper"]),
        _covered(timeline, "gain"),
        _covered(timeline, "gain_upper"),
        _covered(timeline, "gain_lower"),
        probability,
        tuple(name for each in campaigns for name in _unmeasured(each, table)),
    )


def _spent(investments: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Check what was invested, and return it until the day."""
    advice = "give phase, date and amount in relations.investments"
    missing = [name for name in ("phase", "date", "amount") if name not in investments]
    if missing:
        raise DataError(f"the investments have no column {missing[0]!r}: {advice}")
    amounts = pd.to_numeric(investments["amount"], errors="coerce").astype("float64")
    days = pd.to_datetime(investments["date"], errors="coerce", format="ISO8601").dt.normalize()
    wrong = ~(amounts.between(0, _LARGEST) & days.notna() & investments["phase"].isin(PHASES))
    if wrong.any():
        phase, day, amount = investments.loc[wrong, ["phase", "date", "amount"]].iloc[0]
        raise DataError(
            f"{wrong.sum():,} investments have no phase ({', '.join(PHASES)}), no date, or no amount of at "
            f"least 0 (first: {phase!r}, {day}, {amount}): correct them"
        )
    spent = investments.assign(date=days, amount=amounts)
    spent = spent[spent["date"] <= pd.Timestamp(as_of)]
    if not spent["amount"].sum() > 0:
        raise DataError(f"nothing was invested by {as_of}: {advice}")
    return spent


def _unmeasured(campaign: CampaignEffects, table: pd.DataFrame) -> list[str]:
    """Name the arms of a campaign that have no row in the table of gains."""
    rows = table.loc[table["campaign"] == campaign.name, "arm"]
    arms = pd.unique(campaign.effects["arm"].dropna())
    return [f"{campaign.name} ({arm})" for arm in arms if str(arm) not in set(rows)]


def _rows(
    campaign: CampaignEffects, count_differences: Collection[str], as_of: date
) -> list[dict[str, object]]:
    """Gain of each arm, as far as its days have passed."""
    known = _checked(campaign)
    outcome = next((name for name in _OUTCOMES if (known["outcome"] == name).any()), None)
    if outcome is None:
        raise DataError(
            f"the effects of campaign {campaign.name!r} have no estimate of the outcomes margin and spend: "
            "measure it with transactions"
        )
    part = _passed(campaign, as_of)
    rows = []
    for arm, found in known[known["outcome"] == outcome].groupby("arm", sort=True):
        best = _best(found)
        customers = float(found["n_treated"].max())
        if np.isnan(customers):
            raise DataError(
                f"campaign {campaign.name!r}, arm {arm!r}: n_treated is not given: "
                "give the customers that it reached"
            )
        ends = {f"gain{end}": best[name] * customers * part for end, name in _ENDS.items()}
        rows.append(
            {
                "campaign": campaign.name,
                "arm": str(arm),
                "outcome": outcome,
                "method": best["method"],
                "kind": best["kind"],
                "customers": customers,
                "estimate": best["estimate"],
                **ends,
                "counted": best["method"] != _OF_ALL
                and (best["kind"] == EFFECT or campaign.name in count_differences),
            }
        )
    return rows


def _checked(campaign: CampaignEffects) -> pd.DataFrame:
    """Return the rows with an estimate, whose numbers can be added up."""
    effects, where = campaign.effects, f"the effects of campaign {campaign.name!r}"
    advice = "give effects.parquet of guanxi campaign"
    missing = [name for name in _COLUMNS if name not in effects]
    if missing:
        raise DataError(f"{where} have no column {missing[0]!r}: {advice}")
    for name in _NUMBERS:
        if not pd.api.types.is_numeric_dtype(effects[name]) and effects[name].notna().any():
            raise DataError(f"{where}: column {name!r} holds no numbers: {advice}")
    known = effects.astype(dict.fromkeys(_NUMBERS, "float64")).dropna(subset=["estimate", "lower", "upper"])
    numbers = known[list(_NUMBERS)].abs()
    outside = (known["lower"] > known["estimate"]) | (known["estimate"] > known["upper"])
    if (numbers > _LARGEST).any(axis=None) or (known["n_treated"] < 0).any() or outside.any():
        raise DataError(
            f"{where} hold endless or huge numbers, a negative n_treated, or an estimate outside its "
            f"interval: {advice}"
        )
    if not known["arm"].map(lambda arm: isinstance(arm, str)).all():
        raise DataError(f"{where} hold an arm without a name: {advice}")
    return known


_ENDS = {"": "estimate", "_lower": "lower", "_upper": "upper"}


def _best(found: pd.DataFrame) -> dict[str, Any]:
    """Choose among the estimates of an arm: effects before differences, then by method."""
    places = {name: place for place, name in enumerate(_METHODS)}
    rank = found["method"].map(places).fillna(len(places)) + np.where(found["kind"] == EFFECT, 0, 100)
    rank += np.where(found["method"] == _OF_ALL, 1000, 0)
    return {str(name): value for name, value in found.iloc[int(np.argmin(rank.to_numpy()))].items()}


def _passed(campaign: CampaignEffects, day: date) -> float:
    """Share of the days measured that have passed by the end of a day; the first is that of the campaign."""
    return float(np.clip(((day - campaign.day).days + 1) / campaign.days, 0.0, 1.0))


def _timeline(
    spent: pd.DataFrame, table: pd.DataFrame, campaigns: Sequence[CampaignEffects], as_of: date, z: float
) -> pd.DataFrame:
    """Cost and gain to date, on every day from the first."""
    first = min([spent["date"].min(), *(pd.Timestamp(each.day) for each in campaigns)])
    days = pd.date_range(min(first, pd.Timestamp(as_of)), pd.Timestamp(as_of))
    cost = spent.groupby("date")["amount"].sum().reindex(days, fill_value=0.0).cumsum().to_numpy()
    gain, variance = np.zeros(len(days)), np.zeros(len(days))
    for campaign in campaigns:
        rows = table[(table["campaign"] == campaign.name) & table["counted"]]
        whole = _passed(campaign, as_of)
        if not len(rows) or whole == 0:
            continue
        elapsed = (days - pd.Timestamp(campaign.day)).days.to_numpy() + 1
        part = np.clip(elapsed / campaign.days, 0.0, 1.0) / whole
        gain += part * float(rows["gain"].sum())
        half = float((rows["gain_upper"] - rows["gain_lower"]).sum()) / 2
        variance += (part * half / z) ** 2
    reach = z * np.sqrt(variance)
    return pd.DataFrame(
        {"date": days, "cost": cost, "gain": gain, "gain_lower": gain - reach, "gain_upper": gain + reach}
    )


def _covered(timeline: pd.DataFrame, name: str) -> date | None:
    """First day from which the gain covers the cost until the end."""
    short = np.flatnonzero((timeline[name] < timeline["cost"] - 1e-9).to_numpy())
    place = short[-1] + 1 if len(short) else 0
    if place >= len(timeline):
        return None
    day: date = timeline["date"].iloc[int(place)].date()
    return day


def _phases(spent: pd.DataFrame, cost: float) -> pd.DataFrame:
    by_phase = spent.groupby("phase").agg(cost=("amount", "sum"), first=("date", "min"), last=("date", "max"))
    table = by_phase.reindex(list(PHASES)).rename_axis("phase").reset_index()
    table["cost"] = table["cost"].fillna(0.0)
    table.insert(2, "share", table["cost"] / cost)
    for name in ("first", "last"):
        table[name] = table[name].dt.strftime("%Y-%m-%d")
    return table
