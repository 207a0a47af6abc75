"""Data weights: entropy and CRITIC, from normalised indicators with unknown values.

A table has one row per customer and one column per indicator, from 0 to 1, higher is better; a column
``customer_id`` is ignored. NaN is unknown: statistics of a column use its known values, those of a pair the
customers known in both, so that no value is imputed and no customer dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import kl_div

from guanxi.errors import DataError
from guanxi.scorecard._notes import Names, Note

Floats = NDArray[np.float64]

CUSTOMER = "customer_id"
_BLOCK = 65_536  # rows per batch, so that a million customers need no second table
_ROUNDING = 1e-9
_LEAST_EIGENVALUE = 1e-3  # below it, partial correlations reflect rounding and single customers
_FEWEST = 3  # two customers always correlate perfectly


@dataclass(frozen=True)
class DataWeights:
    """Weights, and the statistics they are derived from.

    Attributes
    ----------
    method : str
    weights : dict of str to float
        One nonnegative weight per indicator; their sum is 1.
    table : pandas.DataFrame
        ``indicator, weight, known`` (share of customers) and the statistics of the method.
    notes : tuple of str
        One sentence for each indicator left out and each deviation from the method.
    """

    method: str
    weights: dict[str, float]
    table: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Moments:
    """Standard deviations and correlations of the indicators that vary.

    Attributes
    ----------
    names : tuple of str
        Indicators that are neither constant nor entirely unknown.
    known : dict of str to float
        Share of customers known, for all indicators including constant ones.
    deviation : array, shape (n_names,)
        Population standard deviation over the known customers.
    correlation : array, shape (n_names, n_names)
        Pearson correlation over the customers known in both; 0 for pairs with fewer than three customers, or
        constant over them.
    pairs : array, shape (n_names, n_names)
        Customers known in both.
    notes : tuple of str
    """

    names: tuple[str, ...]
    known: dict[str, float]
    deviation: Floats
    correlation: Floats
    pairs: Floats
    notes: tuple[str, ...]


def entropy_weights(normalised: pd.DataFrame) -> DataWeights:
    """Weight indicators by how unevenly they are distributed over customers.

    With shares ``p = x / sum(x)`` of the ``n`` known customers, the divergence of an indicator is
    ``d = ln n + sum(p ln p)``, and weights are divergences divided by their sum. Without unknown values this
    is the usual ``(1 - e) / sum(1 - e)`` with entropies ``e = -sum(p ln p) / ln n``. With unknown values the
    usual form would increase the weight of indicators known for fewer customers; this one does not.

    Indicators that are mostly 0, such as referrals, get large weights; quantile normalisation reduces them.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators from 0 to 1, higher is better; NaN is unknown.

    Returns
    -------
    DataWeights
        With ``entropy`` and ``divergence`` in the table. Constant and all-unknown indicators have weight 0.

    Raises
    ------
    DataError
        If there is no customer, a value outside 0 to 1, or no varying indicator.

    References
    ----------
    Shannon, C. E. (1948), A mathematical theory of communication, Bell System Technical Journal 27. Hwang,
    C.-L. & Yoon, K. (1981), Multiple Attribute Decision Making, section 3.3.

    Examples
    --------
    >>> table = pd.DataFrame({"even": [0.4, 0.5, 0.6], "uneven": [0.0, 0.1, 0.9]})
    >>> {name: round(weight, 3) for name, weight in entropy_weights(table).weights.items()}
    {'even': 0.017, 'uneven': 0.983}
    """
    known, varying, notes = _varying_indicators(normalised)
    entropy, divergence = {}, {}
    for name in varying:
        column = _column(normalised, name)
        column = column[~np.isnan(column)]
        # Each term is at least 0, so that nothing cancels for nearly uniform shares.
        divergence[name] = float(kl_div(column / column.sum(), 1.0 / len(column)).sum())
        entropy[name] = 1.0 - divergence[name] / np.log(len(column))
    return _data_weights("entropy", known, {"entropy": entropy, "divergence": divergence}, notes)


def critic_weights(normalised: pd.DataFrame) -> DataWeights:
    """Weight indicators by their spread and their conflict with the others (CRITIC).

    Criteria importance through intercriteria correlation: the information of indicator j is
    ``deviation_j * sum_k(1 - correlation_jk)``, and weights are information divided by its sum. Constant
    indicators do not contribute to the conflict of the others. If all varying indicators correlate perfectly,
    weights follow the deviations alone, and a note is added. Input and errors are as in
    :func:`entropy_weights`; the table has ``deviation, conflict, information``.

    References
    ----------
    Diakoulaki, D., Mavrotas, G. & Papayannakis, L. (1995), Determining objective weights in multiple criteria
    problems: the CRITIC method, Computers & Operations Research 22.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0.0, 0.5, 1.0], "as_a": [0.0, 0.4, 1.0], "other": [1.0, 0.0, 1.0]})
    >>> {name: round(weight, 2) for name, weight in critic_weights(table).weights.items()}
    {'a': 0.25, 'as_a': 0.22, 'other': 0.53}
    """
    moments = measure(normalised)
    disagreement = 1.0 - moments.correlation
    conflict = np.where(disagreement > _ROUNDING, disagreement, 0.0).sum(axis=1)
    information, notes = moments.deviation * conflict, moments.notes
    if not information.any():
        information = moments.deviation
        notes = (*notes, Note("no_conflict"))
    measures = {"deviation": moments.deviation, "conflict": conflict, "information": information}
    by_name = {
        name: dict(zip(moments.names, found.tolist(), strict=True)) for name, found in measures.items()
    }
    return _data_weights("critic", moments.known, by_name, notes)


def measure(normalised: pd.DataFrame) -> Moments:
    """Compute deviations and correlations of the indicators that vary, in batches.

    Raises DataError if there is no customer, a value outside 0 to 1, or no varying indicator.
    """
    shares, names, notes = _varying_indicators(normalised)
    centre = np.array([np.nanmean(_column(normalised, name)) for name in names])
    counts, sums, squares, products = (np.zeros((len(names), len(names))) for _ in range(4))
    for values in blocks(normalised, names):
        unknown = np.isnan(values)
        known = (~unknown).astype(np.float64)
        values -= centre
        values[unknown] = 0.0
        counts += known.T @ known
        sums += values.T @ known  # of the row's indicator where the column's is known
        squares += (values**2).T @ known
        products += values.T @ values
    n = np.maximum(counts, 1.0)
    variance = squares / n - (sums / n) ** 2
    covariance = products / n - sums * sums.T / n**2
    usable = (counts >= _FEWEST) & (np.minimum(variance, variance.T) > _ROUNDING**2)
    scale = np.sqrt(np.where(usable, variance * variance.T, 1.0))
    correlation = np.where(usable, np.clip(covariance / scale, -1.0, 1.0), 0.0)
    np.fill_diagonal(correlation, 1.0)
    unmeasured = int((~usable[np.triu_indices(len(names), 1)]).sum())
    if unmeasured:
        notes = (*notes, Note("pairs_unmeasured", count=unmeasured))
    deviation = np.sqrt(np.maximum(np.diag(variance), 0.0))
    return Moments(tuple(names), shares, deviation, correlation, counts, notes)


def invertible(correlation: Floats) -> tuple[Floats, float, float]:
    """Shrink pairwise correlations towards 0 until the smallest eigenvalue is .001.

    Returns the matrix, its smallest eigenvalue before, and what was added to each variance (0: nothing).
    """
    least = float(np.linalg.eigvalsh(correlation)[0])
    if least >= _LEAST_EIGENVALUE:
        return correlation, least, 0.0
    ridge = (_LEAST_EIGENVALUE - least) / (1.0 - _LEAST_EIGENVALUE)
    return (correlation + ridge * np.eye(len(correlation))) / (1.0 + ridge), least, ridge


def indicator_names(table: pd.DataFrame) -> list[str]:
    """Columns of a table that are indicators: all except ``customer_id``."""
    return [str(name) for name in table.columns if name != CUSTOMER]


def blocks(table: pd.DataFrame, names: list[str], rows: int = _BLOCK) -> Iterator[Floats]:
    """Yield copies of the indicators in batches of shape (at most rows, n_names)."""
    for start in range(0, len(table), rows):
        yield table.iloc[start : start + rows][names].to_numpy(dtype=np.float64, copy=True)


def _varying_indicators(normalised: pd.DataFrame) -> tuple[dict[str, float], list[str], tuple[str, ...]]:
    """Share of customers known for each indicator, the varying indicators, and notes on the others."""
    names = indicator_names(normalised)
    if not names or not len(normalised):
        raise DataError("there is nothing to weight: give a table with a customer and an indicator")
    if len(set(names)) < len(names):
        raise DataError("two indicators have the same name: give each column its own")
    known, varying, notes = {}, [], []
    for name in names:
        column = _column(normalised, name)
        values = column[~np.isnan(column)]
        known[name] = len(values) / len(column)
        if not len(values):
            notes.append(Note("weight_unknown", name=Names([name])))
            continue
        low, high = values.min(), values.max()
        if low < 0.0 or high > 1.0 + _ROUNDING:
            raise DataError(f"indicator {name} ranges from {low:g} to {high:g}: normalise it to 0 to 1 first")
        if high - low > _ROUNDING:
            varying.append(name)
        else:
            notes.append(Note("weight_constant", name=Names([name])))
    if not varying:
        raise DataError("no indicator varies between customers: use judged weights instead of data weights")
    return known, varying, tuple(notes)


def _column(table: pd.DataFrame, name: str) -> Floats:
    try:
        return np.asarray(table[name].to_numpy(dtype=np.float64))
    except (TypeError, ValueError):
        raise DataError(f"indicator {name} is not numeric: normalise it to 0 to 1 first") from None


def _data_weights(
    method: str, known: dict[str, float], measures: dict[str, dict[str, float]], notes: tuple[str, ...]
) -> DataWeights:
    """Normalise the last statistic to sum to 1; indicators without it have weight 0."""
    last = list(measures.values())[-1]
    total = sum(last.values())
    weights = {name: last.get(name, 0.0) / total for name in known}
    columns = {name: [found.get(each, np.nan) for each in known] for name, found in measures.items()}
    table = {"indicator": list(known), "weight": weights.values(), "known": known.values(), **columns}
    return DataWeights(method, weights, pd.DataFrame(table), notes)
