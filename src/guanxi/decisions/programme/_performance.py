"""Performance of teams and account owners, adjusted for the customers they were given."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq, nnls
from scipy.special import ndtr
from scipy.stats import norm

from guanxi.errors import DataError

Floats = NDArray[np.float64]
ABOVE, BELOW, NOT_TOLD_APART = "above", "below", "not_told_apart"
_GRID = 200


def performance(
    table: pd.DataFrame,
    by: str,
    actual: str,
    expected: str,
    *,
    probability: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare what customers of each owner did with what was expected of them at hand-over.

    The ratio of realised to expected totals, relative to that of all customers together, so that a level
    that was forecast wrongly is nobody's merit. Its variance sums those of the customers, which are a
    function of the expected value fitted to all of them. The ratios are shrunk towards 1 by a normal model
    between owners, averaged over their unknown spread with a uniform prior (Gelman 2006, Bayesian Analysis
    1(3)): empirical Bayes that does not take the estimated spread for the true one.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer and hand-over: the columns named by the other arguments.
    by, actual, expected : str
        Who is compared, what happened, and what had been expected, 0 or more.
    probability : bool
        Whether ``expected`` is the probability of an outcome of 0 or 1.
    level : float
        Of the intervals.

    Returns
    -------
    pandas.DataFrame
        In alphabetical order, which is no ranking: ``name, customers, expected`` (total, at the level of
        all), ``actual, ratio, ratio_lower, ratio_upper`` (unshrunk), ``shrunk, shrunk_lower, shrunk_upper``,
        and ``verdict``: ``above`` or ``below`` 1 where the shrunk interval is, else ``not_told_apart``.

    Raises
    ------
    DataError
        If fewer than two owners have customers of whom something was expected.

    Examples
    --------
    >>> rows = pd.DataFrame({"owner": ["ann"] * 50 + ["bo"] * 50, "spend": [1.0, 3.0] * 50, "forecast": 2.0})
    >>> performance(rows, "owner", "spend", "forecast")[["name", "ratio", "verdict"]].to_numpy().tolist()
    [['ann', 1.0, 'not_told_apart'], ['bo', 1.0, 'not_told_apart']]
    """
    y, e = (table[name].to_numpy(dtype=np.float64) for name in (actual, expected))
    if e.sum() <= 0 or y.sum() <= 0 or table.loc[e > 0, by].nunique() < 2:
        raise DataError(
            f"{by}s cannot be compared by {actual}: at least two need customers of whom something was "
            "expected, and something must have happened"
        )
    e = e * y.sum() / e.sum()
    rows = pd.DataFrame({"name": table[by].to_numpy(), "actual": y, "expected": e})
    rows["variance"] = _variances(y, e, probability)
    rows["customers"] = 1
    sums = rows.groupby("name", sort=True).sum().reset_index()
    sums = sums[sums["expected"] > 0]
    ratio = (sums["actual"] / sums["expected"]).to_numpy()
    error = np.sqrt(sums["variance"].to_numpy()) / sums["expected"].to_numpy()
    shrunk = _shrink(ratio, error, level)
    half = norm.ppf((1 + level) / 2) * error
    verdict = np.select([shrunk.lower > 1, shrunk.upper < 1], [ABOVE, BELOW], NOT_TOLD_APART)
    found = sums[["name", "customers", "expected", "actual"]].reset_index(drop=True)
    return found.assign(
        ratio=ratio,
        ratio_lower=np.maximum(ratio - half, 0.0),
        ratio_upper=ratio + half,
        shrunk=shrunk.mean,
        shrunk_lower=shrunk.lower,
        shrunk_upper=shrunk.upper,
        verdict=verdict,
    )


def _variances(y: Floats, e: Floats, probability: bool) -> Floats:
    """Variance of each customer's outcome about the expected one.

    Of probabilities in proportion to that of a coin, else a sum of multiples of the expected value (chance of
    buying) and of its square (differences between customers), fitted to the squared residuals.
    """
    squares = (y - e) ** 2
    if probability:
        coin: Floats = np.clip(e * (1.0 - e), 1e-6, None)
        return np.asarray(coin * (squares.sum() / coin.sum()))
    design = np.column_stack([e, e**2])
    # Squared residuals spread in proportion to their mean: weigh by the inverse of a first guess.
    guess = np.maximum(e, e.mean() * 0.05)
    fitted: Floats = design @ nnls(design / guess[:, None], squares / guess)[0]
    total = fitted.sum()
    return fitted * (squares.sum() / total) if total > 0 else squares


class _Shrunk(NamedTuple):
    mean: Floats
    lower: Floats
    upper: Floats


def _shrink(ratio: Floats, error: Floats, level: float) -> _Shrunk:
    """Posterior of each true ratio: mixtures of normals over the spread between owners."""
    if not (error > 0).any():
        return _Shrunk(ratio, ratio, ratio)
    error = np.maximum(error, error[error > 0].min() * 1e-3)
    widest = max(float(np.abs(ratio - 1).max()), float(error.max())) * 3
    spread = np.linspace(0.0, widest, _GRID)[:, None]
    total = spread**2 + error**2
    log_weight = (-0.5 * np.log(total) - (ratio - 1) ** 2 / (2 * total)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    kept = spread**2 / total
    centre, sd = 1 + kept * (ratio - 1), np.sqrt(kept) * error
    tail = (1 - level) / 2
    lower, upper = (
        np.array([_quantile(weight, centre[:, i], sd[:, i], share) for i in range(len(ratio))])
        for share in (tail, 1 - tail)
    )
    return _Shrunk(weight @ centre, lower, upper)


def _quantile(weight: Floats, centre: Floats, sd: Floats, share: float) -> float:
    """Quantile of a mixture of normals; one of them, without spread, is a point."""
    sd = np.maximum(sd, 1e-9)

    def above(value: float) -> float:
        return float(weight @ ndtr((value - centre) / sd)) - share

    ends = float((centre - 12 * sd).min()), float((centre + 12 * sd).max())
    return float(brentq(above, *ends))
