"""States of the chain of tiers, with or without memory.

A customer who is hardly alive any more is ``lost``, whatever the tier: such customers hardly ever return, and
in one state with those who do, all of them would seem to. Where the tier of the period before matters (who
has just risen falls back more often: regression to the mean), a state is the tier with that of the period
before.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.scorecard.transitions.markov_chain import Floats, TransitionProbabilities, fit_transitions

LOST = "lost"
NEW = "new"
_ALIVE = 0.2  # probability below which a customer is lost, as in the stages of the relationship
_CLEAR = 0.05
_PRIOR = 4.0  # observations that the transitions without memory weigh in each state with memory


def chain_states(card: pd.DataFrame, probability_alive: pd.Series[float]) -> pd.Series[str]:
    """Return the state of each customer, by ``customer_id``: the tier, or lost; NaN without a tier.

    Parameters
    ----------
    card : pandas.DataFrame
        ``customer_id, tier``.
    probability_alive : pandas.Series
        In the same order; NaN if unknown.
    """
    lost = (probability_alive < _ALIVE).to_numpy() & card["tier"].notna().to_numpy()
    state = np.where(lost, LOST, card["tier"].astype(object))
    return pd.Series(state, index=pd.Index(card["customer_id"]), dtype=object)


def with_leavers(days: Mapping[date, pd.Series[str]]) -> dict[date, pd.Series[str]]:
    """Add the customers who are no longer there as lost, from the earliest day to the last.

    Customers under contract are scored while it runs. Without those who left, everyone would seem to stay.
    """
    found: dict[date, pd.Series[str]] = {}
    before: pd.Series[str] | None = None
    for day, states in days.items():
        if before is not None:
            left = before.index.difference(states.index, sort=False)
            states = pd.concat([states, pd.Series(LOST, index=left, dtype=object)])
        found[day] = before = states
    return found


@dataclass(frozen=True)
class ChainStates:
    """States of the chain.

    Attributes
    ----------
    tiers : tuple of str
        Best first, then lost.
    memory : bool
        Whether a state is a tier with that of the period before.
    """

    tiers: tuple[str, ...]
    memory: bool

    @property
    def names(self) -> tuple[str, ...]:
        """All states."""
        if not self.memory:
            return self.tiers
        return tuple(f"{now}|{before}" for now in self.tiers for before in (*self.tiers, NEW))

    @property
    def members(self) -> Floats:
        """1 where a state (column) belongs to a tier (row)."""
        return np.array(
            [[name.split("|")[0] == tier for name in self.names] for tier in self.tiers], dtype=float
        )

    def name(self, now: str, before: str) -> str:
        """State of a tier after another."""
        return f"{now}|{before}" if self.memory else now

    def of(self, now: pd.Series[str], before: pd.Series[str] | None) -> pd.Series[str]:
        """State of each customer; a customer who is not in ``before`` is new."""
        if not self.memory:
            return now
        earlier = pd.Series(NEW, index=now.index) if before is None else before.reindex(now.index).fillna(NEW)
        return now.str.cat(earlier, sep="|")

    def sizes(self, states: pd.Series[str]) -> NDArray[np.int64]:
        """Count customers in each state."""
        return np.asarray(states.value_counts().reindex(list(self.names), fill_value=0), dtype=np.int64)

    def composition(self, sizes: NDArray[np.int64]) -> Floats:
        """Share of each state (column) in each tier (row); of equal size in a tier without customers."""
        weights = self.members * np.where(self.members @ sizes > 0, 1.0, 0.0)[:, None] * sizes
        weights = np.where(weights.sum(axis=1, keepdims=True) > 0, weights, self.members)
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def count_moves(before: pd.Series[str], after: pd.Series[str], names: Sequence[str]) -> NDArray[np.int64]:
    """Count customers by earlier state (row) and later state (column)."""
    both = pd.concat([before, after], axis=1, keys=["before", "after"], join="inner").dropna()
    counts = pd.crosstab(both["before"], both["after"])
    return np.asarray(counts.reindex(index=list(names), columns=list(names), fill_value=0), dtype=np.int64)


def fit_chain(states: ChainStates, days: Sequence[pd.Series[str]]) -> TransitionProbabilities:
    """Fit the transitions between the states of consecutive days.

    With memory, the prior of each state are the transitions of its tier.
    """
    counts = sum(count_moves(one, other, states.tiers) for one, other in itertools.pairwise(days))
    plain = fit_transitions(pd.DataFrame(counts, index=states.tiers, columns=states.tiers))
    if not states.memory:
        return plain
    compound = [states.of(now, before) for before, now in itertools.pairwise(days)]
    names = states.names
    seen = np.zeros((len(names), len(names)))
    for one, other in itertools.pairwise(compound):
        seen += count_moves(one, other, names)
    for row, name in enumerate(names):
        now = name.split("|")[0]
        for place, after in enumerate(states.tiers):
            column = names.index(states.name(after, now))
            seen[row, column] += _PRIOR * plain.mean[states.tiers.index(now), place]
    return TransitionProbabilities(names, seen)


def memory_test(days: Sequence[pd.Series[str]]) -> float:
    """p-value that the state of the period before last does not matter; NaN with fewer than three days.

    Anderson, T. W. & Goodman, L. A. (1957), Statistical inference about Markov chains, Annals of Mathematical
    Statistics 28, section 3.3.
    """
    parts = [
        pd.concat(three, axis=1, keys=["first", "second", "third"], join="inner").dropna()
        for three in zip(days, days[1:], days[2:], strict=False)
    ]
    if not parts:
        return float("nan")
    groups = pd.concat(parts).groupby("second")
    return _independence([pd.crosstab(rows["first"], rows["third"]).to_numpy() for _, rows in groups])


def homogeneity_test(days: Sequence[pd.Series[str]], tiers: Sequence[str]) -> float:
    """p-value that all periods have the same transitions: Anderson & Goodman (1957), section 3.2."""
    counts = [count_moves(one, other, tiers) for one, other in itertools.pairwise(days)]
    return _independence([np.array(rows) for rows in zip(*counts, strict=True)])


def has_memory(p_value: float) -> bool:
    """Whether a test speaks clearly against a chain without memory."""
    return p_value < _CLEAR


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
