"""Relative importance of drivers: the Shapley decomposition of R squared (LMG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import factorial

import numpy as np
import pandas as pd

from guanxi.errors import DataError
from guanxi.scorecard.voice._resampling import Floats, correlation_draws, limits

MOST_DRIVERS = 12
_DRAWS = 500


@dataclass(frozen=True)
class RelativeImportance:
    """Shares of the explained variance.

    Attributes
    ----------
    r_squared : float
        Share of the outcome's variance explained by all drivers together.
    table : pandas.DataFrame
        One row per driver, most important first: ``driver``; ``importance``, its part of R squared, and
        ``share`` of R squared, each with ``_lower`` and ``_upper``; ``alone``, R squared without the others;
        ``coefficient``, standardised, of the regression on all drivers.
    """

    r_squared: float
    table: pd.DataFrame = field(repr=False)


def relative_importance(
    answers: pd.DataFrame,
    outcome: str,
    drivers: Sequence[str],
    *,
    customers: Sequence[object] | pd.Series[str] | None = None,
    draws: int = _DRAWS,
    seed: int = 0,
) -> RelativeImportance:
    """Decompose R squared by averaging each driver's gain over all orders of the drivers.

    The parts add up to R squared and are never negative; correlated drivers share what they explain together.
    They describe the regression and do not prove causation. Limits are 90 % percentile limits of a bootstrap
    of customers.

    Parameters
    ----------
    answers : pandas.DataFrame
        Numbers; incomplete rows are left out.
    outcome : str
    drivers : sequence of str
        2 to 12.
    customers : sequence, optional
        Who answered, by row; default: each row is another customer.
    draws, seed : int

    Raises
    ------
    DataError
        If a column is constant, there are too many drivers, or fewer than 5 rows per driver.

    References
    ----------
    Lindeman, R. H., Merenda, P. F. and Gold, R. Z. (1980), Introduction to bivariate and multivariate
    analysis. Grömping, U. (2006), Relative importance for linear regression in R: the package relaimpo,
    Journal of Statistical Software 17(1).

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0, 1, 0, 1] * 5, "b": [0, 0, 1, 1] * 5, "y": [0, 2, 1, 3] * 5})
    >>> found = relative_importance(table, "y", ["a", "b"], draws=0)
    >>> found.table[["driver", "importance"]].values.tolist()
    [['a', 0.8], ['b', 0.2]]
    """
    columns = [*drivers, outcome]
    known = answers[columns].notna().all(axis=1).to_numpy()
    complete = answers.loc[known, columns].to_numpy(dtype=np.float64)
    _check(complete, columns)
    who = np.arange(len(answers)) if customers is None else np.asarray(customers)
    drawn = correlation_draws(complete, who[known], draws, seed)
    explained = _explained(drawn)
    parts = _shapley(explained)
    whole = explained[-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = parts / whole[:, None]
    coefficients = np.linalg.lstsq(drawn[0, :-1, :-1], drawn[0, :-1, -1], rcond=None)[0]
    table = pd.DataFrame({"driver": list(drivers)})
    for name, values in (("importance", parts), ("share", shares)):
        table[name] = values[0]
        table[f"{name}_lower"], table[f"{name}_upper"] = limits(values[1:])
    table["alone"] = drawn[0, :-1, -1] ** 2
    table["coefficient"] = coefficients
    order = np.argsort(-np.round(parts[0], 9), kind="stable")
    return RelativeImportance(float(whole[0]), table.iloc[order].round(12).reset_index(drop=True))


def _check(complete: Floats, columns: Sequence[str]) -> None:
    drivers = len(columns) - 1
    if not 2 <= drivers <= MOST_DRIVERS:
        raise DataError(
            f"relative importance: {drivers} drivers of {columns[-1]}, from 2 to {MOST_DRIVERS} are "
            "possible: group questions in scorecard.voice.constructs"
        )
    if len(complete) < 5 * drivers:
        raise DataError(
            f"relative importance: only {len(complete)} complete answers for {drivers} drivers of "
            f"{columns[-1]}, at least {5 * drivers} are needed"
        )
    constant = np.ptp(complete, axis=0) == 0
    if constant.any():
        raise DataError(f"relative importance: all answers to {columns[int(constant.argmax())]!r} are equal")


def _explained(drawn: Floats) -> Floats:
    """R squared by subset of drivers (rows: bit j is driver j) and draw (columns)."""
    count = drawn.shape[1] - 1
    found = np.zeros((2**count, len(drawn)))
    for subset in range(1, 2**count):
        chosen = [driver for driver in range(count) if subset >> driver & 1]
        among, towards = drawn[:, chosen][:, :, chosen], drawn[:, chosen, -1]
        try:
            coefficients = np.linalg.solve(among, towards[..., None])[..., 0]
        except np.linalg.LinAlgError:  # a draw in which drivers are collinear
            coefficients = (np.linalg.pinv(among, hermitian=True) @ towards[..., None])[..., 0]
        found[subset] = (coefficients * towards).sum(axis=1)
    return found


def _shapley(explained: Floats) -> Floats:
    """Average gain of each driver (columns) over all orders, by draw (rows)."""
    count = len(explained).bit_length() - 1
    parts = np.zeros((explained.shape[1], count))
    for subset in range(len(explained)):
        size = subset.bit_count()
        for driver in range(count):
            if not subset >> driver & 1:
                weight = factorial(size) * factorial(count - size - 1) / factorial(count)
                parts[:, driver] += weight * (explained[subset | 1 << driver] - explained[subset])
    return parts
