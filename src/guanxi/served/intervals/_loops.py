"""Compiled loops over customers: the numbers of the NumPy code beside them, without its passes over memory.

Only imported where many rows are scored: see :mod:`._many_rows`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from ._exponential_tilting import (
    _EXACT,
    _LARGEST_EXPONENT,
    _ROUNDING,
    _SHARE_OF_FALL,
    _STEPS,
    _WIDEST,
    Floats,
)
from .spend_table import _HALVINGS


def _compiled(function: Callable[..., Any]) -> Any:
    """Compile at the first call, and keep the machine code on disk where some folder can be written."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return njit(nogil=True)(function)


@_compiled
def add_weighted(total: Floats, part: Floats, places: Any, weight: Floats) -> None:
    """Add ``part[places] * weight[:, None]`` to ``total``."""
    for row in range(total.shape[0]):
        place, share = places[row], weight[row]
        for count in range(total.shape[1]):
            total[row, count] += part[place, count] * share


@_compiled
def counts_under_dropout(
    first: int, step: int, most: int, shape: Floats, ratio: Floats, a: float, survived: Floats
) -> Floats:
    """Distribution of 0 ... ``most`` purchases given alive, shape (n, most + 1), of a beta-geometric process.

    The n-th purchase is the event ``first + (n - 1) step`` of a negative binomial number, of shape and ratio,
    whose probability of none must not underflow.
    """
    result = np.empty((len(shape), most + 1))
    for row in range(len(shape)):
        z = ratio[row] / (1.0 + ratio[row])
        probability, rest = np.exp(-shape[row] * np.log1p(ratio[row])), 1.0
        still, before, count, wanted = 1.0, 1.0, 0, first
        for events in range(first + step * most + 1):
            if events == wanted:
                some = max(rest, 0.0) * still
                still *= (survived[row] + count) / (a + survived[row] + count)
                result[row, count] = max(before - some, 0.0)
                before, count, wanted = some, count + 1, wanted + step
            rest -= probability
            probability *= z * (shape[row] + events) / (events + 1.0)
    return result


@_compiled
def tilted(counts: Floats, probabilities: Floats, none: Floats, mean: Floats, bounded: bool) -> Floats:
    """As :func:`._exponential_tilting.tilted`."""
    rows, size = probabilities.shape[0], probabilities.shape[1] - 1
    above = counts[1:]
    consecutive = above[size - 1] == size
    result = np.empty(probabilities.shape)
    log_some, work = np.empty(size), np.empty(size)
    for row in range(rows):
        some = 1.0 - none[row]
        target = min(max(mean[row] / max(some, 1e-300), 1.0), above[size - 1])
        highest = _log_chances(probabilities[row, 1:], above, log_some, bounded)
        by_powers = consecutive and highest * size < _LARGEST_EXPONENT
        if by_powers:
            largest = log_some.max()
            for place in range(size):
                work[place] = np.exp(log_some[place] - largest)
        low, high, factor = -_WIDEST, highest, 0.0
        for _ in range(_STEPS):
            if by_powers:
                reached, variance = _moments_by_powers(work, factor)
            else:
                reached, variance = _moments(log_some, above, work, factor)
            error = reached - target
            if not (abs(error) > _EXACT * target and high - low > 0.0):
                break
            if error < 0.0:
                low = factor
            elif error > 0.0:
                high = factor
            newton = factor - error / max(variance, 1e-12)
            factor = newton if low < newton < high else (low + high) / 2.0
        total = _weights(log_some, above, work, factor)
        result[row, 0] = none[row]
        for place in range(size):
            result[row, place + 1] = some * (work[place] / total)
    return result


@_compiled
def _log_chances(chances: Floats, counts: Floats, out: Floats, bounded: bool) -> float:
    """Write log probabilities, extrapolated beyond the last sure one; return the highest log factor."""
    size, total = len(chances), 0.0
    for place in range(size):
        chance = max(chances[place], 1e-300)
        total += chance
        out[place] = np.log(chance)
    if bounded:
        return _WIDEST
    last = 1
    for place in range(size - 1, 1, -1):
        if max(chances[place], 1e-300) > _ROUNDING * total:
            last = place
            break
    fall = max(out[last - 1] - out[last], 0.0) / (counts[last] - counts[last - 1])
    for place in range(last + 1, size):
        out[place] = out[last] - fall * (counts[place] - counts[last])
    return float(min(max(_SHARE_OF_FALL * fall, 0.0), _WIDEST))


@_compiled
def _moments_by_powers(chances: Floats, factor: float) -> tuple[float, float]:
    """Mean and variance of the counts 1, 2, …, by Horner's scheme."""
    z = np.exp(factor)
    total, first, second = chances[-1], 0.0, 0.0
    for place in range(len(chances) - 2, -1, -1):
        second = second * z + first
        first = first * z + total
        total = total * z + chances[place]
    less = z * first / total
    return 1.0 + less, 2.0 * z * z * second / total + less - less * less


@_compiled
def _moments(log_some: Floats, counts: Floats, work: Floats, factor: float) -> tuple[float, float]:
    """Mean and variance of any counts."""
    total, mean, square = _weights(log_some, counts, work, factor), 0.0, 0.0
    for place in range(len(counts)):
        weight = work[place] / total
        mean += weight * counts[place]
        square += weight * counts[place] ** 2
    return mean, square - mean**2


@_compiled
def _weights(log_some: Floats, counts: Floats, out: Floats, factor: float) -> float:
    """Write the tilted chances; return their sum."""
    largest, total = -np.inf, 0.0
    for place in range(len(counts)):
        out[place] = log_some[place] + factor * counts[place]
        largest = max(largest, out[place])
    for place in range(len(counts)):
        out[place] = np.exp(out[place] - largest)
        total += out[place]
    return total


@_compiled
def count_quantiles(counts: Floats, probabilities: Floats, levels: Any) -> Floats:
    """As :func:`.posterior_predictive._count_quantiles`."""
    result = np.empty((len(levels), len(probabilities)))
    for row in range(len(probabilities)):
        for number in range(len(levels)):
            reached, place = probabilities[row, 0], 0
            while reached < levels[number] - 1e-12 and place < len(counts) - 1:
                place += 1
                reached += probabilities[row, place]
            result[number, row] = np.round(counts[place])
    return result


@_compiled
def spend_quantiles(
    probabilities: Floats, rows: Any, starts: Any, grid: Floats, tables: Any, levels: Any, out: Floats
) -> None:
    """Write the quantiles of rows, as :meth:`.SpendTable.quantile`; ``tables`` have a grid point per row."""
    distribution, density = tables
    groups, last = len(starts), len(grid) - 1
    some = np.empty(groups)
    for row in rows:
        none = probabilities[row, 0]
        for group in range(groups):
            end = starts[group + 1] if group + 1 < groups else probabilities.shape[1] - 1
            some[group] = 0.0
            for place in range(starts[group] + 1, end + 1):
                some[group] += probabilities[row, place]
        for number in range(len(levels)):
            level = levels[number]
            if none >= level:
                continue
            before, after = 0, last
            while after - before > 1:  # the interval of the grid in which the level is reached
                middle = (before + after) // 2
                if none + _dot(some, distribution[middle]) < level:
                    before = middle
                else:
                    after = middle
            width = grid[after] - grid[before]
            share = _cubic_root(
                none + _dot(some, distribution[before]),
                none + _dot(some, distribution[after]),
                width * _dot(some, density[before]),
                width * _dot(some, density[after]),
                level,
            )
            out[number, row] = grid[before] + share * width


@_compiled
def _dot(left: Floats, right: Floats) -> float:
    total = 0.0
    for place in range(len(left)):
        total += left[place] * right[place]
    return total


@_compiled
def _cubic_root(low: float, high: float, first: float, last: float, level: float) -> float:
    """As :func:`.spend_table._cubic_root`."""
    rise = high - low
    first, last = min(first, 3.0 * rise), min(last, 3.0 * rise)
    second, third = 3.0 * rise - 2.0 * first - last, first + last - 2.0 * rise
    left, size = 0.0, 1.0
    for _ in range(_HALVINGS):
        size /= 2.0
        middle = left + size
        if low + middle * (first + middle * (second + middle * third)) < level:
            left = middle
    return left
