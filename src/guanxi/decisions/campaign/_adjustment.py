"""Difference of two arms adjusted by what was known of the customers before the campaign."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.decisions.campaign._inference import Inference
from guanxi.decisions.campaign._two_sample import ArmDifference, Floats, compared

_FEWEST_OF_A_CATEGORY = 20
_CUSTOMERS_PER_COLUMN = 20
_SAME = 1e-6  # share of a column's length that the others leave


def adjusted_difference(
    treated: ArrayLike,
    control: ArrayLike,
    treated_covariates: ArrayLike,
    control_covariates: ArrayLike,
    inference: Inference | None = None,
) -> ArmDifference:
    """Compare the means of two randomised arms, adjusted by covariates from before the campaign.

    Regression of the outcome on the arm and the covariates, with HC2 errors; CUPED (Deng, Xu, Kohavi and
    Walker 2013, WSDM). Under randomisation it is consistent whatever the true relation (Yang and Tsiatis
    2001, American Statistician 55(4)). The degrees of freedom are Satterthwaite's, as in Welch's test, from
    those of each arm's part of the variance by Bell and McCaffrey (2002, Survey Methodology 28(2)), which
    Imbens and Kolesar (2016, Review of Economics and Statistics 98(4)) recommend for small samples. Without
    covariates it is the plain difference.

    Parameters
    ----------
    treated, control : array, shapes (n,) and (m,)
        Outcomes, all known.
    treated_covariates, control_covariates : array, shapes (n, k) and (m, k)
        Known numbers, nothing of which the campaign can have changed.
    inference : Inference, optional

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> before = random.normal(size=(400, 1))
    >>> after = before[:, 0] + 0.1 * random.normal(size=400) + np.repeat([0.5, 0.0], 200)
    >>> found = adjusted_difference(after[:200], after[200:], before[:200], before[200:])
    >>> round(found.estimate, 2), round(found.standard_error, 2)
    (0.52, 0.01)
    """
    from statsmodels.regression.linear_model import OLS

    first, second = np.asarray(treated, dtype=np.float64), np.asarray(control, dtype=np.float64)
    covariates = np.vstack([treated_covariates, control_covariates]).astype(np.float64)
    covariates = covariates - covariates.mean(axis=0)
    # In units of their own, columns of large and small numbers are solved for as exactly as others.
    covariates = covariates / np.where(covariates.std(axis=0) > 0, covariates.std(axis=0), 1.0)
    treated_rows = np.repeat([True, False], [first.size, second.size])
    design = np.column_stack([np.ones(treated_rows.size), treated_rows, covariates])
    fitted = OLS(np.concatenate([first, second]), design).fit()
    # In the order of compared(): the estimate, then the baseline.
    covariance = np.asarray(fitted.get_robustcov_results("HC2").cov_params())[np.ix_([1, 0], [1, 0])]
    if covariates.size:
        # The baseline is at the mean of the covariates, which is that of a sample (Negi and Wooldridge 2021).
        slopes = np.asarray(fitted.params)[2:]
        sampled = np.atleast_2d(np.cov(covariates, rowvar=False)) / treated_rows.size
        covariance[1, 1] += slopes @ sampled @ slopes
    return compared(
        "adjusted",
        float(fitted.params[1]),
        float(fitted.params[0]),
        covariance,
        _degrees(design, np.asarray(fitted.normalized_cov_params), np.asarray(fitted.resid), treated_rows),
        (first.size, second.size),
        inference or Inference(),
    )


def _degrees(design: Floats, inverse: Floats, residuals: Floats, treated: NDArray[np.bool_]) -> float:
    """Degrees of freedom of the HC2 variance of the second coefficient, infinite without residuals."""
    leverage = ((design @ inverse) * design).sum(axis=1)
    weights = (design @ inverse[1]) ** 2 / (1.0 - leverage)
    variances, degrees = np.zeros(2), np.zeros(2)
    for place, rows in enumerate((treated, ~treated)):
        own = weights * rows
        variances[place] = (own * residuals**2).sum()
        # Mean and variance of a quadratic form of normal residuals: trace of D M, and of its square.
        product = inverse @ (design.T * own) @ design
        square = (own**2 * (1.0 - 2.0 * leverage)).sum() + np.trace(product @ product)
        degrees[place] = (own * (1.0 - leverage)).sum() ** 2 / square
    parts = (variances**2 / degrees).sum()
    return float(variances.sum() ** 2 / parts) if parts > 0 else math.inf


def adjusting_columns(table: pd.DataFrame, arms: pd.Series[Any]) -> pd.DataFrame:
    """Turn covariates into numbers without redundant columns, the first ones first.

    Unknown numbers become the mean, with a column that says so; text becomes a column per value that at least
    20 customers of every arm have, and 20 have not. Columns that within an
    arm are combinations of earlier ones are left out, and so are the last ones where an arm has fewer than 20
    customers per column.

    Parameters
    ----------
    table : DataFrame, n rows
    arms : Series, n rows

    Examples
    --------
    >>> arms = pd.Series(["a", "b"] * 40)
    >>> table = pd.DataFrame({"spend": np.arange(80.0), "twice": 2 * np.arange(80.0), "place": ["x"] * 80})
    >>> list(adjusting_columns(table, arms))
    ['spend']
    """
    columns: dict[str, Floats] = {}
    for name in table:
        columns |= _as_numbers(str(name), table[name], arms)
    most = int(arms.value_counts().min()) // _CUSTOMERS_PER_COLUMN
    rows = [np.flatnonzero(arms.to_numpy() == arm) for arm in arms.unique()]
    bases = [np.empty((each.size, 0)) for each in rows]
    kept: dict[str, Floats] = {}
    for name, values in columns.items():
        wider = [_wider(basis, values[each]) for each, basis in zip(rows, bases, strict=True)]
        if len(kept) < most and all(new.shape[1] > len(kept) for new in wider):
            kept[name], bases = values, wider
    return pd.DataFrame(kept, index=table.index)


def _wider(basis: Floats, values: Floats) -> Floats:
    """Add to an orthonormal basis what it and the mean leave of a column, if anything."""
    left = values - values.mean()
    left = left - basis @ (basis.T @ left)
    length = float(np.linalg.norm(left))
    found: bool = length > _SAME * float(np.linalg.norm(values))
    return np.column_stack([basis, left / length]) if found else basis


def _as_numbers(name: str, values: pd.Series[Any], arms: pd.Series[Any]) -> dict[str, Floats]:
    if pd.api.types.is_numeric_dtype(values):
        number = values.astype(np.float64)
        unknown = number.isna()
        usual = 0.0 if unknown.all() else float(np.nanmean(number.to_numpy()))
        found: dict[str, Floats] = {name: np.asarray(number.fillna(usual), dtype=np.float64)}
        if _in_every_arm(unknown, arms):
            found[f"{name} unknown"] = np.asarray(unknown, dtype=np.float64)
        return found
    text = values.astype(object).where(values.notna(), "").astype(str)
    indicators = {f"{name} {each}": text == each for each in sorted(text.unique())}
    return {
        key: np.asarray(each, dtype=np.float64)
        for key, each in indicators.items()
        if _in_every_arm(each, arms)
    }


def _in_every_arm(chosen: pd.Series[bool], arms: pd.Series[Any]) -> bool:
    """Whether every arm has enough customers with and without a property."""
    counts, sizes = chosen.groupby(arms.to_numpy()).sum(), arms.groupby(arms.to_numpy()).size()
    return bool((counts.clip(upper=sizes - counts) >= _FEWEST_OF_A_CATEGORY).all())
