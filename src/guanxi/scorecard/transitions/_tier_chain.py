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
from guanxi.scorecard.scoring._dynamics import CAME, LEFT, Migration
from guanxi.scorecard.scoring._tiers import TIERS
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
_CLEAR = 0.05


@dataclass(frozen=True)
class TierChain:
    """Transitions between tiers, what a customer is worth along them, and the tiers of the coming periods.

    Attributes
    ----------
    probabilities : TransitionProbabilities
        Of the tiers, and of ``left`` if customers left.
    transitions : pandas.DataFrame
        ``tier_before, tier, customers, probability, lower, upper``.
    equity : pandas.DataFrame
        By tier: ``customers`` today; ``margin`` per customer in a period that began in the tier, and
        ``equity``, the present value of this and all later periods, both with limits; ``equity_sum``.
    forecast : pandas.DataFrame
        ``period, day, tier, customers`` (mean)``, lower, upper``; arrivals as in the periods observed.
    check : pandas.DataFrame
        The present day as the chain of the earlier periods would have forecast it: ``tier, expected, lower,
        upper, customers``; empty with one period.
    changing : float
        p-value that the periods have the same transition probabilities; NaN with one period.
    memory : float
        p-value that the tier of the period before last does not matter; NaN with one period.
    discount_rate : float
        Per period.
    """

    probabilities: TransitionProbabilities = field(repr=False)
    transitions: pd.DataFrame = field(repr=False)
    equity: pd.DataFrame = field(repr=False)
    forecast: pd.DataFrame = field(repr=False)
    check: pd.DataFrame = field(repr=False)
    changing: float
    memory: float
    discount_rate: float

    @property
    def markov(self) -> bool:
        """Whether nothing speaks against the chain: constant probabilities, without memory."""
        return not (self.changing < _CLEAR or self.memory < _CLEAR)


def tier_chain(
    cards: Mapping[date, pd.DataFrame],
    moves: Mapping[tuple[date, date], Migration],
    margins: Mapping[date, pd.Series[float]],
    *,
    annual_discount_rate: float,
    seed: int,
) -> TierChain:
    """Learn the chain from at least two days.

    Parameters
    ----------
    cards : mapping of datetime.date to pandas.DataFrame
        From the earliest to the present day: ``customer_id, tier``.
    moves : mapping of tuple of datetime.date to Migration
        From each day to the next.
    margins : mapping of datetime.date to pandas.Series
        By day but the present: margin in the period after it, by ``customer_id``; without those of 0.
    annual_discount_rate : float
    seed : int
    """
    days = list(cards)
    period_days = (days[-1] - days[-2]).days
    tables = [moves[pair] for pair in itertools.pairwise(days)]
    counts = _counts(tables)
    chain = fit_transitions(counts, absorbing=[LEFT] if LEFT in counts.index else [])
    rate = (1.0 + annual_discount_rate) ** (period_days / 365.0) - 1.0
    generator = np.random.default_rng(seed)
    matrices = chain.draw(DRAWS, generator)
    start = _sizes(cards[days[-1]], chain.states)
    arrivals = _arrivals(tables, chain.states, PERIODS, generator)
    states = forecast_states(start, matrices, periods=PERIODS, generator=generator, arrivals=arrivals)
    ends = [add_days(days[-1], period_days * period) for period in range(1, PERIODS + 1)]
    sequences = _sequences([cards[day] for day in days])
    return TierChain(
        chain,
        _transitions(counts, chain),
        _equity(chain, matrices, _flows(cards, margins, chain.states), start, rate, generator),
        _forecast(states, chain.states, ends),
        _check(cards, tables, generator),
        _homogeneity(tables, chain.states),
        _memory(sequences),
        rate,
    )


def _counts(tables: Sequence[Migration]) -> pd.DataFrame:
    """Transitions of all periods; customers without a tier are left out."""
    total = sum(table.counts.reindex(index=list(TIERS), columns=[*TIERS, LEFT], fill_value=0) for table in tables)
    assert isinstance(total, pd.DataFrame)  # there is at least one period
    if not total[LEFT].any():
        return total[list(TIERS)]
    total.loc[LEFT] = 0
    return total


def _sizes(card: pd.DataFrame, states: Sequence[str]) -> NDArray[np.int64]:
    return card["tier"].value_counts().reindex(list(states), fill_value=0).to_numpy(dtype=np.int64)


def _arrivals(
    tables: Sequence[Migration], states: Sequence[str], periods: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Draw arrivals: Poisson, their rate with Jeffreys' prior."""
    came = sum(table.counts.loc[CAME].reindex(list(states), fill_value=0) for table in tables)
    rate = generator.gamma(np.asarray(came) + 0.5, 1.0 / len(tables), size=(DRAWS, 1, len(states)))
    rate[..., [name == LEFT for name in states]] = 0.0
    return np.asarray(generator.poisson(rate, size=(DRAWS, periods, len(states))))


def _transitions(counts: pd.DataFrame, chain: TransitionProbabilities) -> pd.DataFrame:
    rows = [name for name in chain.states if name != LEFT]
    lower, upper = chain.interval(LEVEL)
    n = len(chain.states)
    return pd.DataFrame(
        {
            "tier_before": np.repeat(rows, n),
            "tier": np.tile(chain.states, len(rows)),
            "customers": counts.to_numpy()[: len(rows)].ravel(),
            "probability": chain.mean[: len(rows)].ravel(),
            "lower": lower[: len(rows)].ravel(),
            "upper": upper[: len(rows)].ravel(),
        }
    )


def _flows(
    cards: Mapping[date, pd.DataFrame], margins: Mapping[date, pd.Series[float]], states: Sequence[str]
) -> pd.DataFrame:
    """Mean margin of a period by the tier in which it began, and its standard error."""
    parts = [
        cards[day][["customer_id", "tier"]].assign(
            margin=earned.reindex(cards[day]["customer_id"]).fillna(0.0).to_numpy()
        )
        for day, earned in margins.items()
    ]
    found = pd.concat(parts).groupby("tier", observed=True)["margin"].agg(["mean", "sem"])
    return found.reindex(list(states)).fillna(0.0)


def _equity(
    chain: TransitionProbabilities,
    matrices: Floats,
    flows: pd.DataFrame,
    start: NDArray[np.int64],
    rate: float,
    generator: np.random.Generator,
) -> pd.DataFrame:
    drawn_flows = generator.normal(flows["mean"], flows["sem"], size=(len(matrices), len(flows)))
    if not rate > 0:
        return pd.DataFrame()  # without discounting a relationship without end has no finite value
    equity = markov_customer_equity(chain.mean, flows["mean"], discount_rate=rate)
    drawn = markov_customer_equity(matrices, drawn_flows, discount_rate=rate)
    table = pd.DataFrame({"tier": chain.states, "customers": start, "margin": flows["mean"].to_numpy()})
    table["margin_lower"], table["margin_upper"] = _limits(drawn_flows)
    table["equity"] = equity
    table["equity_lower"], table["equity_upper"] = _limits(drawn)
    table["equity_sum"] = start * equity
    return table[table["tier"] != LEFT].reset_index(drop=True)


def _limits(drawn: Floats) -> Floats:
    """Central limits over the first axis."""
    return np.asarray(np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))


def _forecast(states: NDArray[np.int64], names: Sequence[str], ends: Sequence[date]) -> pd.DataFrame:
    periods, n = states.shape[1:]
    lower, upper = _limits(states.astype(np.float64))
    table = pd.DataFrame(
        {
            "period": np.repeat(np.arange(1, periods + 1), n),
            "day": np.repeat([day.isoformat() for day in ends], n),
            "tier": np.tile(names, periods),
            "customers": states.mean(axis=0).ravel(),
            "lower": lower.ravel(),
            "upper": upper.ravel(),
        }
    )
    return table[table["tier"] != LEFT].reset_index(drop=True)


def _check(
    cards: Mapping[date, pd.DataFrame], tables: Sequence[Migration], generator: np.random.Generator
) -> pd.DataFrame:
    """Forecast the present day with the chain of the earlier periods."""
    if len(tables) < 2:
        return pd.DataFrame()
    counts = _counts(tables[:-1])
    chain = fit_transitions(counts, absorbing=[LEFT] if LEFT in counts.index else [])
    *_, before, now = cards.values()
    found = forecast_states(
        _sizes(before, chain.states),
        chain.draw(DRAWS, generator),
        periods=1,
        generator=generator,
        arrivals=_arrivals(tables[:-1], chain.states, 1, generator),
    )[:, 0].astype(np.float64)
    lower, upper = _limits(found)
    table = pd.DataFrame(
        {
            "tier": chain.states,
            "expected": found.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "customers": _sizes(now, chain.states),
        }
    )
    return table[table["tier"] != LEFT].reset_index(drop=True)


def _sequences(cards: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tiers on three consecutive days: ``first, second, third``, a row per customer and sequence."""
    tiers = [card.set_index("customer_id")["tier"] for card in cards]
    parts = [
        pd.concat(three, axis=1, keys=["first", "second", "third"], join="inner").dropna()
        for three in zip(tiers, tiers[1:], tiers[2:], strict=False)
    ]
    return pd.concat(parts) if parts else pd.DataFrame(columns=["first", "second", "third"])


def _homogeneity(tables: Sequence[Migration], states: Sequence[str]) -> float:
    """Test that all periods have the same probabilities.

    Anderson, T. W. & Goodman, L. A. (1957), Statistical inference about Markov chains, Annals of Mathematical
    Statistics 28, section 3.2.
    """
    rows = [name for name in states if name != LEFT]
    by_tier = [
        np.array([table.counts.reindex(columns=list(states), fill_value=0).loc[name] for table in tables])
        for name in rows
    ]
    return _independence(by_tier)


def _memory(sequences: pd.DataFrame) -> float:
    """Test that the chain is of the first order: Anderson & Goodman (1957), section 3.3."""
    groups = sequences.groupby("second", observed=True)
    return _independence([pd.crosstab(rows["first"], rows["third"]).to_numpy() for _, rows in groups])


def _independence(tables: Sequence[NDArray[np.int64]]) -> float:
    """p-value of the sum of the chi-square statistics of several tables; NaN without a degree of freedom."""
    from scipy.stats import chi2

    statistic, freedom = 0.0, 0
    for counts in tables:
        table = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0].astype(np.float64)
        if min(table.shape, default=0) < 2:
            continue
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        statistic += float(((table - expected) ** 2 / expected).sum())
        freedom += (table.shape[0] - 1) * (table.shape[1] - 1)
    return float(chi2.sf(statistic, freedom)) if freedom else float("nan")
