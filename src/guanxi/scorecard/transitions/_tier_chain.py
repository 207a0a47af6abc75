"""The tiers as a Markov chain, learnt from the scorecards of earlier days."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.periods import add_days
from guanxi.scorecard.scoring._tiers import TIERS
from guanxi.scorecard.transitions._chain_states import (
    LOST,
    NEW,
    ChainStates,
    count_moves,
    fit_chain,
    has_memory,
    homogeneity_test,
    memory_test,
)
from guanxi.scorecard.transitions.markov_chain import (
    Floats,
    TransitionProbabilities,
    fit_transitions,
    forecast_states,
    markov_customer_equity,
)

LEVEL = 0.9
DRAWS = 1000
PERIODS = 4
YEAR_DAYS = 365
_PRIOR = 10.0  # customers that the mean margin of a tier weighs in a state with memory


@dataclass(frozen=True)
class TierChain:
    """Transitions between tiers, what a customer is worth along them, and the tiers of the coming periods.

    Attributes
    ----------
    states : ChainStates
    probabilities : TransitionProbabilities
        Of the states.
    transitions : pandas.DataFrame
        ``tier_before, tier, customers, probability, lower, upper``, whatever the tier before.
    equity : pandas.DataFrame
        By tier: ``customers`` today; ``margin`` per customer in a period that began in the tier; ``year``,
        the present value of a year; ``equity``, the same without end (NaN without a discount rate);
        all with limits; ``equity_sum``.
    year_values : pandas.Series
        Present value of the coming year, by state.
    rest_values : pandas.Series
        The same of the rest of the year, after the first period, at its beginning.
    composition : array, shape (tiers, states)
        Share of each state in each tier today.
    forecast : pandas.DataFrame
        ``period, day, tier, customers`` (mean)``, lower, upper``; arrivals as in the periods observed.
    check : pandas.DataFrame
        The present day as the chain of the earlier periods would have forecast it: ``tier, expected, lower,
        upper, customers``; empty with one period.
    changing, memory : float
        p-values that all periods have the same transitions, and that the tier of the period before last
        does not matter; NaN with one period.
    discount_rate : float
        Per period.
    """

    states: ChainStates
    probabilities: TransitionProbabilities = field(repr=False)
    transitions: pd.DataFrame = field(repr=False)
    equity: pd.DataFrame = field(repr=False)
    year_values: pd.Series[float] = field(repr=False)
    rest_values: pd.Series[float] = field(repr=False)
    composition: Floats = field(repr=False)
    forecast: pd.DataFrame = field(repr=False)
    check: pd.DataFrame = field(repr=False)
    changing: float
    memory: float
    discount_rate: float


def tier_chain(
    days: Mapping[date, pd.Series[str]],
    margins: Mapping[date, pd.Series[float]],
    *,
    annual_discount_rate: float,
    seed: int,
) -> TierChain:
    """Learn the chain from at least two days.

    Parameters
    ----------
    days : mapping of datetime.date to pandas.Series
        From the earliest to the present day: see :func:`._chain_states.chain_states`.
    margins : mapping of datetime.date to pandas.Series
        By day but the present: margin in the period after it, by ``customer_id``; without those of 0.
    annual_discount_rate : float
    seed : int
    """
    dates, seen = list(days), list(days.values())
    period_days = (dates[-1] - dates[-2]).days
    occurring = set(pd.concat(seen).dropna())
    memory = memory_test(seen)
    states = ChainStates(tuple(name for name in (*TIERS, LOST) if name in occurring), has_memory(memory))
    chain, generator = fit_chain(states, seen), np.random.default_rng(seed)
    matrices = chain.draw(DRAWS, generator)
    start = states.sizes(states.of(seen[-1], seen[-2]))
    rate = (1.0 + annual_discount_rate) ** (period_days / YEAR_DAYS) - 1.0
    flows = _flows(states, seen, list(margins.values()))
    periods = max(1, round(YEAR_DAYS / period_days))
    year, rest = (
        pd.Series(_values(chain.mean, flows["mean"].to_numpy(), rate, each), index=list(states.names))
        for each in (periods, periods - 1)
    )
    arrivals = _arrivals(seen, states, PERIODS, generator)
    found = forecast_states(start, matrices, periods=PERIODS, generator=generator, arrivals=arrivals)
    ends = [add_days(dates[-1], period_days * period) for period in range(1, PERIODS + 1)]
    return TierChain(
        states,
        chain,
        _transitions(states.tiers, seen),
        _equity(states, chain, matrices, flows, start, rate, periods, generator),
        year,
        rest,
        states.composition(start),
        _forecast(found @ states.members.T, states.tiers, ends),
        _check(states, seen, generator),
        homogeneity_test(seen, states.tiers),
        memory,
        rate,
    )


def _values(transitions: Floats, flows: Floats, rate: float, periods: int) -> Floats:
    """Present value of a number of periods; 0 for none."""
    if periods == 0:
        return np.zeros(np.shape(flows))
    return markov_customer_equity(transitions, flows, discount_rate=rate, periods=periods - 1)


def _arrivals(
    seen: Sequence[pd.Series[str]], states: ChainStates, periods: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw arrivals: Poisson, their rate with Jeffreys' prior."""
    came = [
        after[~after.index.isin(before.index)].value_counts().reindex(list(states.tiers), fill_value=0)
        for before, after in itertools.pairwise(seen)
    ]
    rate = generator.gamma(np.sum(came, axis=0) + 0.5, 1.0 / len(came), size=(DRAWS, 1, len(states.tiers)))
    drawn = generator.poisson(rate, size=(DRAWS, periods, len(states.tiers)))
    arrivals = np.zeros((DRAWS, periods, len(states.names)), dtype=np.int64)
    arrivals[..., [states.names.index(states.name(tier, NEW)) for tier in states.tiers]] = drawn
    return arrivals


def _transitions(tiers: tuple[str, ...], seen: Sequence[pd.Series[str]]) -> pd.DataFrame:
    counts = np.sum([count_moves(one, other, tiers) for one, other in itertools.pairwise(seen)], axis=0)
    chain = fit_transitions(pd.DataFrame(counts, index=list(tiers), columns=list(tiers)))
    lower, upper = chain.interval(LEVEL)
    return pd.DataFrame(
        {
            "tier_before": np.repeat(tiers, len(tiers)),
            "tier": np.tile(tiers, len(tiers)),
            "customers": counts.ravel(),
            "probability": chain.mean.ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
        }
    )


def _flows(
    states: ChainStates, seen: Sequence[pd.Series[str]], margins: Sequence[pd.Series[float]]
) -> pd.DataFrame:
    """Mean margin of a period by the state in which it began, and its standard error.

    With memory, means are shrunk to that of the tier.
    """
    parts = [
        pd.DataFrame(
            {"tier": now, "state": states.of(now, before), "margin": earned.reindex(now.index).fillna(0.0)}
        )
        for before, now, earned in zip([None, *seen], seen, margins, strict=False)
    ]
    table = pd.concat(parts)
    tiers = table.groupby("tier")["margin"].agg(["mean", "std"]).reindex(list(states.tiers)).fillna(0.0)
    of_tier = pd.DataFrame(
        states.members.T @ tiers.to_numpy(), index=list(states.names), columns=["mean", "std"]
    )
    # The first day knows no tier before it: all its customers would seem new.
    known = pd.concat(parts[1:]) if states.memory else table
    sums = known.groupby("state")["margin"].agg(["sum", "size"]).reindex(list(states.names)).fillna(0.0)
    prior = _PRIOR if states.memory else 0.0
    size = (sums["size"] + prior).clip(lower=1.0)
    return pd.DataFrame(
        {"mean": (sums["sum"] + prior * of_tier["mean"]) / size, "error": of_tier["std"] / size**0.5}
    )


def _equity(
    states: ChainStates,
    chain: TransitionProbabilities,
    matrices: Floats,
    flows: pd.DataFrame,
    start: NDArray[np.int64],
    rate: float,
    periods: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    mix = states.composition(start).T
    drawn = generator.normal(flows["mean"], flows["error"], size=(len(matrices), len(flows)))
    mean = flows["mean"].to_numpy()
    measured = {
        "margin": (mean, drawn),
        "year": (_values(chain.mean, mean, rate, periods), _values(matrices, drawn, rate, periods)),
    }
    if rate > 0:
        measured["equity"] = (
            markov_customer_equity(chain.mean, mean, discount_rate=rate),
            markov_customer_equity(matrices, drawn, discount_rate=rate),
        )
    customers = np.asarray(states.members @ start, dtype=np.int64)
    table = pd.DataFrame({"tier": states.tiers, "customers": customers})
    for name in ("margin", "year", "equity"):
        value, draws = measured.get(name, (np.full(len(mean), np.nan), np.full((1, len(mean)), np.nan)))
        table[name] = value @ mix
        table[f"{name}_lower"], table[f"{name}_upper"] = _limits(draws @ mix)
    table["equity_sum"] = table["customers"] * table["equity"]
    return table


def _limits(drawn: Floats) -> Floats:
    """Central limits over the first axis."""
    return np.asarray(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))


def _forecast(found: Floats, tiers: Sequence[str], ends: Sequence[date]) -> pd.DataFrame:
    lower, upper = _limits(found)
    return pd.DataFrame(
        {
            "period": np.repeat(np.arange(1, len(ends) + 1), len(tiers)),
            "day": np.repeat([day.isoformat() for day in ends], len(tiers)),
            "tier": np.tile(tiers, len(ends)),
            "customers": found.mean(axis=0).ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
        }
    )


def _check(
    states: ChainStates, seen: Sequence[pd.Series[str]], generator: np.random.Generator
) -> pd.DataFrame:
    """Forecast the present day with the chain of the earlier periods, without memory."""
    if len(seen) < 3:
        return pd.DataFrame()
    plain, earlier = ChainStates(states.tiers, memory=False), seen[:-1]
    found = forecast_states(
        plain.sizes(earlier[-1]),
        fit_chain(plain, earlier).draw(DRAWS, generator),
        periods=1,
        generator=generator,
        arrivals=_arrivals(earlier, plain, 1, generator),
    )[:, 0].astype(np.float64)
    lower, upper = _limits(found)
    expected, customers = found.mean(axis=0), plain.sizes(seen[-1])
    return pd.DataFrame(
        {"tier": states.tiers, "expected": expected, "lower": lower, "upper": upper, "customers": customers}
    )


def value_steps(chain: TierChain, before: pd.Series[str], now: pd.Series[str]) -> pd.DataFrame:
    """Value of the coming year to each customer: as it is, had the tier stayed, and one tier down or up.

    Parameters
    ----------
    chain : TierChain
    before, now : pandas.Series
        Tiers or lost, by customer; ``before`` in the order of ``now``.

    Returns
    -------
    pandas.DataFrame
        ``now, stayed, below, above``; NaN where unknown.
    """
    states, tiers = chain.states, list(chain.states.tiers)
    shifted = {tier: tiers[place + 1] for place, tier in enumerate(tiers[:-1])}
    places = {
        "now": states.of(now, before),
        "stayed": states.of(before, before),
        "below": states.of(now.map(shifted), now),
        "above": states.of(now.map({lower: upper for upper, lower in shifted.items()}), now),
    }
    return pd.DataFrame(
        {name: state.map(chain.year_values).to_numpy(dtype=float) for name, state in places.items()}
    )
