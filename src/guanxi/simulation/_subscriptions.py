"""Subscribers with known truth: their contracts up to a day, and what became of them after it.

The probability of renewing at opportunity k is ``(1 - theta) ** ((k**c - (k - 1)**c) * exp(x(k)))``: the beta
discrete Weibull model (Fader, Hardie, Liu, Davin & Steenburgh 2018, Journal of Interactive Marketing 43) with
covariates x that may change in time (Fader & Hardie 2013, Incorporating Time-Varying Covariates in the BdW
Model); with c = 1 it is the shifted beta-geometric one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import ParamsError
from guanxi.periods import CALENDAR_UNITS, parse_date
from guanxi.simulation._purchase_process import (
    Integers,
    Params,
    beta_probabilities,
    check_params,
    start,
)

PLANS = {"basic": 20.0, "plus": 40.0, "premium": 80.0}
CHANNELS = ("search", "advert", "shop")
_START_DAYS = 28  # months have so many days at least, so that dates go back and forth exactly


@dataclass(frozen=True)
class SubscriptionEffects:
    """What changes the log of the exponent of a subscriber's churn, and how amounts change.

    Parameters
    ----------
    attributes : dict of str to float
        Effect of one standard deviation of each attribute, which is drawn from a standard normal
        distribution.
    plans, channels : dict of str to float
        Effects of the plans ``basic``, ``plus``, ``premium`` and the channels ``search``, ``advert``,
        ``shop``; 0 if absent.
    months : dict of int to float
        Effects of the calendar month (1 to 12) of the opportunity; 0 if absent.
    price : float
        Effect of the last relative change of the amount, until the next change: 0.5 times a change of 0.2
        adds 0.1.
    changes : float
        Probability that the amount changes at a renewal.
    change_mean, change_spread : float
        Mean and standard deviation of the change of the log amount.

    Examples
    --------
    >>> SubscriptionEffects(months={1: 0.5}).price
    0.0
    """

    attributes: dict[str, float] = field(default_factory=dict)
    plans: dict[str, float] = field(default_factory=dict)
    channels: dict[str, float] = field(default_factory=dict)
    months: dict[int, float] = field(default_factory=dict)
    price: float = 0.0
    changes: float = 0.0
    change_mean: float = 0.0
    change_spread: float = 0.0


@dataclass(frozen=True)
class Subscriptions:
    """Subscribers up to a day, and their true future.

    Attributes
    ----------
    contracts : DataFrame
        ``customer_id, start, end`` (the first day no longer under contract; missing: running on ``as_of``),
        ``amount`` (per period), ``plan, channel``. A changed amount is a new contract.
    customers : DataFrame
        ``customer_id``, the attributes, and ``theta``, the customer's own probability.
    future : DataFrame
        One row per customer under contract on ``as_of`` and opportunity after it, up to the one that is
        declined: ``customer_id, renewals`` (made before), ``ahead`` (1: the next opportunity),
        ``opportunity`` (its day), ``churn_probability`` (given all that is hidden), ``churned`` (0 or 1),
        ``amount`` (paid for the period that begins; 0 if declined).
    as_of : date
    """

    contracts: pd.DataFrame
    customers: pd.DataFrame
    future: pd.DataFrame
    as_of: date


def simulate_subscriptions(
    params: Params,
    n: int,
    periods: int,
    seed: int,
    *,
    cohorts: int = 1,
    future: int = 24,
    as_of: str = "2024-12-31",
    period: str = "M",
    effects: SubscriptionEffects | None = None,
) -> Subscriptions:
    """Simulate subscribers who began in the last ``periods`` periods, with the truth of each.

    Parameters
    ----------
    params : mapping
        gamma, delta (of the beta distribution of theta) and c of the beta discrete Weibull model; c = 1 is
        the shifted beta-geometric model with alpha = gamma and beta = delta.
    n : int
        Number of subscribers.
    periods : int
        Periods from the first start to the day.
    seed : int
    cohorts : int
        Number of equal cohorts, which begin one period after another from the first; at most ``periods``.
    future : int
        Number of opportunities after the day of which the truth is told.
    as_of : str
        The last day of the contracts, ISO.
    period : str
        D, W, M, Q or Y.
    effects : SubscriptionEffects, optional
        Default: none, and constant amounts.

    Raises
    ------
    ParamsError
        If a parameter is missing, unknown or out of range.

    Examples
    --------
    >>> told = simulate_subscriptions({"gamma": 0.7, "delta": 1.2, "c": 1.0}, n=100, periods=12, seed=1)
    >>> list(told.contracts.columns)
    ['customer_id', 'start', 'end', 'amount', 'plan', 'channel']
    """
    generator = start(seed, n)
    check_params(params, ("gamma", "delta", "c"), "the beta discrete Weibull model")
    _check(period, periods=periods, future=future, cohorts=cohorts)
    effects = effects or SubscriptionEffects()
    day = parse_date(as_of, what="as_of")
    people = _people(generator, params, n, effects)
    begun = _Starts(generator, n, day, periods, cohorts, period)
    course = _course(generator, params["c"], people, begun, periods + future, effects)
    return Subscriptions(
        contracts=_contracts(course, people, begun, day),
        customers=people.drop(columns=["plan", "channel", "effect"]),
        future=_future(course, people, begun, day, future),
        as_of=day,
    )


def _check(period: str, **counts: int) -> None:
    if period not in CALENDAR_UNITS:
        raise ParamsError(f"period {period!r} is unknown: use one of {', '.join(CALENDAR_UNITS)}")
    for name, count in counts.items():
        whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not whole or count < 1:
            raise ParamsError(f"{name} is {count!r}: give a whole number of at least 1")
    if counts["cohorts"] > counts["periods"]:
        raise ParamsError(f"cohorts is {counts['cohorts']}: give at most one for each of the periods")


def _people(
    generator: np.random.Generator, params: Params, n: int, effects: SubscriptionEffects
) -> pd.DataFrame:
    people = pd.DataFrame({"customer_id": np.arange(1, n + 1)})
    people["theta"] = beta_probabilities(generator, params["gamma"], params["delta"], n)
    people["plan"] = generator.choice(list(PLANS), n)
    people["channel"] = generator.choice(CHANNELS, n)
    effect = people["plan"].map(effects.plans).fillna(0.0) + people["channel"].map(effects.channels).fillna(
        0.0
    )
    for name, size in effects.attributes.items():
        people[name] = generator.standard_normal(n)
        effect = effect + size * people[name]
    return people.assign(effect=effect.astype("float64"))


class _Starts:
    """The days on which subscribers begin, and those of their opportunities."""

    def __init__(
        self, generator: np.random.Generator, n: int, as_of: date, periods: int, cohorts: int, period: str
    ) -> None:
        self.base, self.length = CALENDAR_UNITS[period]
        cohort = np.arange(n) * cohorts // max(n, 1)
        if self.base == "M":
            self.origin = np.datetime64(as_of, "M") - periods * self.length + cohort * self.length
            self.day = generator.integers(0, _START_DAYS, n)
        else:
            self.origin = np.datetime64(as_of, "D") - periods * self.length + cohort * self.length
            self.day = generator.integers(0, self.length, n)
        self.as_of = np.datetime64(as_of, "D")

    def days(
        self, number: int | Integers, who: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.datetime64]:
        """Return the days of an opportunity; that of number 0 is the start."""
        days: NDArray[np.datetime64] = (self.origin[who] + number * self.length).astype("datetime64[D]")
        return days + self.day[who]


def _course(
    generator: np.random.Generator,
    c: float,
    people: pd.DataFrame,
    begun: _Starts,
    opportunities: int,
    effects: SubscriptionEffects,
) -> pd.DataFrame:
    """Return the opportunities of each subscriber up to the one that is declined."""
    n = len(people)
    theta, effect = people["theta"].to_numpy(), people["effect"].to_numpy()
    amount = people["plan"].map(PLANS).to_numpy(dtype=np.float64, copy=True)
    change, there = np.zeros(n), np.arange(n)
    season = np.array([effects.months.get(month, 0.0) for month in range(1, 13)])
    rounds = []
    for number in range(1, opportunities + 1):
        day = begun.days(number, there)
        month = day.astype("datetime64[M]").astype(np.int64) % 12
        exponent = (number**c - (number - 1) ** c) * np.exp(
            effect[there] + season[month] + effects.price * change[there]
        )
        churn = -np.expm1(exponent * np.log1p(-np.minimum(theta[there], 1 - 1e-15)))
        churned = generator.random(len(there)) < churn
        moved = generator.random(len(there)) < effects.changes
        step = generator.normal(effects.change_mean, effects.change_spread, len(there))
        moved &= ~churned
        amount[there[moved]] = np.maximum(np.round(amount[there[moved]] * np.exp(step[moved]), 2), 0.01)
        change[there[moved]] = np.expm1(step[moved])
        rounds.append(
            pd.DataFrame(
                {
                    "who": there,
                    "number": number,
                    "opportunity": day,
                    "churn_probability": churn,
                    "churned": churned.astype(np.int64),
                    "moved": moved,
                    "amount": np.where(churned, 0.0, amount[there]),
                }
            )
        )
        there = there[~churned]
    return pd.concat(rounds, ignore_index=True).sort_values(
        ["who", "number"], kind="stable", ignore_index=True
    )


def _contracts(course: pd.DataFrame, people: pd.DataFrame, begun: _Starts, as_of: date) -> pd.DataFrame:
    first = pd.DataFrame(
        {
            "who": np.arange(len(people)),
            "start": begun.days(0),
            "amount": people["plan"].map(PLANS).to_numpy(),
        }
    )
    past = course[course["opportunity"] <= pd.Timestamp(as_of)]
    later = past.loc[past["moved"], ["who", "opportunity", "amount"]]
    table = pd.concat([first, later.rename(columns={"opportunity": "start"})], ignore_index=True)
    table = table[table["start"] <= pd.Timestamp(as_of)].sort_values(["who", "start"], kind="stable")
    left = past.loc[past["churned"] == 1].set_index("who")["opportunity"]
    end = table.groupby("who")["start"].shift(-1)
    table["end"] = end.fillna(table["who"].map(left))
    who = table["who"].to_numpy()
    table["customer_id"] = people["customer_id"].to_numpy()[who]
    for name in ("plan", "channel"):
        table[name] = people[name].to_numpy()[who]
    columns = ["customer_id", "start", "end", "amount", "plan", "channel"]
    return table[columns].reset_index(drop=True)


def _future(
    course: pd.DataFrame, people: pd.DataFrame, begun: _Starts, as_of: date, future: int
) -> pd.DataFrame:
    day = pd.Timestamp(as_of)
    past = course[course["opportunity"] <= day].groupby("who")["number"].max()
    begun_by = begun.days(0) <= np.datetime64(as_of, "D")
    later = course[(course["opportunity"] > day) & begun_by[course["who"]]]
    made = later["who"].map(past).fillna(0).astype(np.int64)
    ahead = later["number"] - made
    later = later.assign(
        customer_id=people["customer_id"].to_numpy()[later["who"]], renewals=later["number"] - 1, ahead=ahead
    )
    columns = ["customer_id", "renewals", "ahead", "opportunity", "churn_probability", "churned", "amount"]
    return later.loc[ahead <= future, columns].reset_index(drop=True)
