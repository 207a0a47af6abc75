"""Effects of groups of customers, with percentile bands over bootstrap samples of each arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.uplift._qini import Ranking

Floats = NDArray[np.float64]

DRAWS = 400
LEVEL = 0.95


@dataclass(frozen=True)
class Groups:
    """A division of the customers: the group of each, from 0 to ``count`` - 1."""

    of: NDArray[np.int64]
    count: int


@dataclass(frozen=True)
class Sums:
    """Weighted numbers of customers and responders of both arms, each of shape (..., n_groups)."""

    control: Floats
    treated: Floats
    control_yes: Floats
    treated_yes: Floats

    def effect(self) -> Floats:
        """Response rate of the treated less that of the controls; NaN if a group lacks an arm."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.treated_yes / self.treated - self.control_yes / self.control

    def control_rate(self) -> Floats:
        """Response rate of the controls."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.control_yes / self.control

    def gain(self) -> Floats:
        """Additional responses per customer if the groups from the first to this one are treated.

        This is the Qini curve at the ends of the groups, divided by the number of treated customers.
        """
        n0, n1, y0, y1 = (
            np.cumsum(each, axis=-1)
            for each in (self.control, self.treated, self.control_yes, self.treated_yes)
        )
        ratio = np.divide(n1, n0, out=np.zeros_like(n1), where=n0 > 0)
        return (y1 - y0 * ratio) / n1[..., -1:]


@dataclass(frozen=True)
class Resampled:
    """Everything measured on all customers (first row) and on bootstrap samples (the other rows)."""

    sums: Mapping[str, Sums]
    coefficients: Mapping[str, Floats]


def resample(
    outcome: Floats,
    treated: Floats,
    weight: Floats,
    groups: Mapping[str, Groups],
    scores: Mapping[str, Floats],
    seed: int,
) -> Resampled:
    """Sum over groups and compute Qini coefficients, on all customers and on bootstrap samples.

    The models are held fixed: bands cover the sampling of held-out customers. All groups and scores see the
    same samples, so that common variation cancels in differences.

    References
    ----------
    Efron, B. and Tibshirani, R. J. (1993), An introduction to the bootstrap.
    """
    cell = {name: each.of * 4 + (2 * outcome + treated).astype(np.int64) for name, each in groups.items()}
    rankings = {name: Ranking(outcome, score, treated) for name, score in scores.items()}
    sums = {name: np.empty((DRAWS + 1, each.count * 4)) for name, each in groups.items()}
    coefficients = {name: np.empty(DRAWS + 1) for name in scores}
    for draw, weights in enumerate(_weights(treated, weight, seed)):
        for name, each in groups.items():
            sums[name][draw] = np.bincount(cell[name], weights, each.count * 4)
        for name, ranking in rankings.items():
            coefficients[name][draw] = ranking.coefficient(weights)
    return Resampled({name: _sums(each) for name, each in sums.items()}, coefficients)


def _weights(treated: Floats, weight: Floats, seed: int) -> Iterator[Floats]:
    random, n = np.random.default_rng(seed), len(treated)
    arms = [np.flatnonzero(treated == arm) for arm in (0, 1)]
    yield weight
    for _ in range(DRAWS):
        rows = np.concatenate([arm[random.integers(0, len(arm), len(arm))] for arm in arms])
        yield weight * np.bincount(rows, minlength=n)


def _sums(cells: Floats) -> Sums:
    no_0, no_1, yes_0, yes_1 = np.moveaxis(cells.reshape(len(cells), -1, 4), -1, 0)
    return Sums(no_0 + yes_0, no_1 + yes_1, yes_0, yes_1)


def band(measured: Floats) -> dict[str, Floats]:
    """Return the value on all customers and the ends of its band: ``value, lower, upper``."""
    tail = 50.0 * (1.0 - LEVEL)
    unknown = np.isnan(measured[1:]).all(axis=0)
    ends = np.nanpercentile(np.where(unknown, 0.0, measured[1:]), [tail, 100.0 - tail], axis=0)
    lower, upper = np.where(unknown, np.nan, ends)
    return {"value": measured[0], "lower": lower, "upper": upper}
