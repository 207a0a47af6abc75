"""Attributes, attitudes and rates of the simulated company's customers.

Service quality affects satisfaction, and satisfaction affects loyalty (Heskett, Jones, Loveman, Sasser &
Schlesinger 1994, Putting the Service-Profit Chain to Work, Harvard Business Review 72(2)); the unexplained
variance of each exceeds the explained. Purchase and dropout rates are log-linear in them, times an unobserved
gamma distributed factor: Pareto/NBD with covariates (Fader & Hardie 2007, Incorporating Time-Invariant
Covariates into the Pareto/NBD and BG/NBD Models).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.periods import DAYS_PER_YEAR
from guanxi.simulation._purchase_process import Floats, Integers

COUNTRIES = {"DE": 0.0, "FR": -0.3, "UK": 0.2, "CN": 0.3}  # with their service quality
_COUNTRY_SHARES = (0.4, 0.25, 0.2, 0.15)
TEAMS = ("north", "south", "east", "west")
ACQUISITION_COSTS = {"search": 25.0, "advert": 40.0, "shop": 12.0, "referral": 8.0}
_CHANNEL_SHARES = (0.4, 0.35, 0.25)  # without referrals
_REFERRED_SHARE = 0.18
_PROSPECT_SHARE = 0.04
_BUSINESS_SHARE = 0.25
_CONTRACT_SHARES = {"private": (0.75, 0.2, 0.05), "business": (0.4, 0.3, 0.3)}
CONTRACT_DROPOUT = {"none": 1.0, "monthly": 0.85, "annual": 0.6}
_REFERRED_DROPOUT = 0.82  # Schmitt, Skiera & Van den Bulte 2011, Journal of Marketing 75(1): 18 % less churn
_PURCHASES_PER_YEAR, _PURCHASE_SHAPE = 8.0, 1.5
_DROPOUTS_PER_YEAR, _DROPOUT_SHAPE = 0.45, 2.0
_ORDER_AMOUNT, _ORDER_SPREAD, _BUSINESS_FACTOR = 50.0, 0.45, 2.2
_ROUNDS = 30


@dataclass(frozen=True)
class Effects:
    """Effects between the latent variables of the simulated company, the truth for an analysis to find.

    Parameters
    ----------
    satisfaction_service_quality, loyalty_satisfaction, engagement_satisfaction, risk_loyalty : float
        Correlation of the first with the second, between -1 and 1.
    dropout_satisfaction, dropout_loyalty, dropout_risk, purchases_engagement, purchases_satisfaction, \
spend_loyalty, tickets_service_quality, interactions_engagement, referrals_loyalty : float
        Change of the log rate of the first (spend: of the log mean order) per standard deviation of the
        second.

    Examples
    --------
    >>> Effects(dropout_satisfaction=0.0).dropout_loyalty
    -0.4
    """

    satisfaction_service_quality: float = 0.6
    loyalty_satisfaction: float = 0.6
    engagement_satisfaction: float = 0.3
    risk_loyalty: float = -0.3
    dropout_satisfaction: float = -0.4
    dropout_loyalty: float = -0.4
    dropout_risk: float = 0.25
    purchases_engagement: float = 0.4
    purchases_satisfaction: float = 0.1
    spend_loyalty: float = 0.1
    tickets_service_quality: float = -0.5
    interactions_engagement: float = 0.5
    referrals_loyalty: float = 0.6


def draw_people(generator: np.random.Generator, n: int, days: float, effects: Effects) -> pd.DataFrame:
    """Draw n customers acquired within ``days`` days, in the order of acquisition.

    Returns
    -------
    DataFrame, n rows
        Attributes ``country, segment, team, contract, acquisition_channel``; ``prospect`` (never buys);
        ``service_quality, satisfaction, loyalty, engagement, risk`` (standard normal, the first shifted by
        country); ``start`` (days from the first), ``purchase_rate, dropout_rate`` (per day), ``lifetime``
        (days), ``spend_level`` (mean order); ``referrer`` (row of the referrer, -1: unknown or not referred).
    """
    segment = np.where(generator.random(n) < _BUSINESS_SHARE, "business", "private")
    people = pd.DataFrame(
        {
            # More customers are acquired early than late, for a longer history.
            "start": np.sort(days * generator.random(n) ** 1.5),
            "country": generator.choice(list(COUNTRIES), n, p=_COUNTRY_SHARES),
            "segment": segment,
            "team": generator.choice(TEAMS, n),
            "contract": _contracts(generator, segment),
            "acquisition_channel": _channels(generator, n),
            "prospect": generator.random(n) < _PROSPECT_SHARE,
        }
    )
    people = people.assign(**_attitudes(generator, people["country"], effects))
    people = people.assign(**_rates(generator, people, effects))
    people["lifetime"] = generator.standard_exponential(n) / people["dropout_rate"]
    people["referrer"] = _referrers(generator, people, effects)
    return people


def _contracts(generator: np.random.Generator, segment: NDArray[np.str_]) -> NDArray[np.str_]:
    drawn = {
        name: generator.choice(list(CONTRACT_DROPOUT), len(segment), p=shares)
        for name, shares in _CONTRACT_SHARES.items()
    }
    return np.where(segment == "business", drawn["business"], drawn["private"])


def _channels(generator: np.random.Generator, n: int) -> NDArray[np.str_]:
    others = [name for name in ACQUISITION_COSTS if name != "referral"]
    channel = generator.choice(others, n, p=_CHANNEL_SHARES)
    return np.where(generator.random(n) < _REFERRED_SHARE, "referral", channel)


def _attitudes(
    generator: np.random.Generator, country: pd.Series[str], effects: Effects
) -> dict[str, Floats]:
    n = len(country)

    def moved(cause: Floats, correlation: float) -> Floats:
        own = generator.standard_normal(n)
        return np.asarray(correlation * cause + np.sqrt(1.0 - correlation**2) * own)

    service_quality = generator.standard_normal(n) + country.map(COUNTRIES).to_numpy(dtype=np.float64)
    satisfaction = moved(service_quality, effects.satisfaction_service_quality)
    loyalty = moved(satisfaction, effects.loyalty_satisfaction)
    return {
        "service_quality": service_quality,
        "satisfaction": satisfaction,
        "loyalty": loyalty,
        "engagement": moved(satisfaction, effects.engagement_satisfaction),
        "risk": moved(loyalty, effects.risk_loyalty),
    }


def _rates(generator: np.random.Generator, people: pd.DataFrame, effects: Effects) -> dict[str, Floats]:
    n = len(people)
    satisfaction, loyalty, engagement, risk = (
        people[name].to_numpy() for name in ("satisfaction", "loyalty", "engagement", "risk")
    )
    purchases = effects.purchases_engagement * engagement + effects.purchases_satisfaction * satisfaction
    dropouts = (
        effects.dropout_satisfaction * satisfaction
        + effects.dropout_loyalty * loyalty
        + effects.dropout_risk * risk
        + np.log(people["contract"].map(CONTRACT_DROPOUT).to_numpy(dtype=np.float64))
        + np.where(people["acquisition_channel"] == "referral", np.log(_REFERRED_DROPOUT), 0.0)
    )
    amount = (
        effects.spend_loyalty * loyalty
        + _ORDER_SPREAD * generator.standard_normal(n)
        + np.where(people["segment"] == "business", np.log(_BUSINESS_FACTOR), 0.0)
    )
    purchase_rate = _PURCHASES_PER_YEAR / DAYS_PER_YEAR * np.exp(purchases)
    dropout_rate = _DROPOUTS_PER_YEAR / DAYS_PER_YEAR * np.exp(dropouts)
    return {
        "purchase_rate": purchase_rate * _unexplained(generator, _PURCHASE_SHAPE, n),
        "dropout_rate": dropout_rate * _unexplained(generator, _DROPOUT_SHAPE, n),
        "spend_level": _ORDER_AMOUNT * np.exp(amount),
    }


def _unexplained(generator: np.random.Generator, shape: float, n: int) -> Floats:
    """Gamma distributed factors of mean 1."""
    return np.maximum(generator.gamma(shape, 1.0 / shape, n), 1e-6)


def _referrers(generator: np.random.Generator, people: pd.DataFrame, effects: Effects) -> Integers:
    """Choose the referrer of each referred customer among those who are customers on that day.

    A referrer was acquired earlier, so there are no loops. If none is found in 30 draws, mostly for the very
    first customers, the referrer is unknown.
    """
    start = people["start"].to_numpy()
    end = start + people["lifetime"].to_numpy()
    weight = np.where(people["prospect"], 0.0, np.exp(effects.referrals_loyalty * people["loyalty"]))
    total = np.cumsum(weight)
    referrer = np.full(len(people), -1, dtype=np.int64)
    waiting = np.flatnonzero(people["acquisition_channel"] == "referral")
    for _ in range(_ROUNDS):
        drawn = np.searchsorted(total, generator.random(waiting.size) * total[-1], side="right")
        fits = (start[drawn] < start[waiting]) & (end[drawn] > start[waiting])
        referrer[waiting[fits]] = drawn[fits]
        waiting = waiting[~fits]
    return referrer
