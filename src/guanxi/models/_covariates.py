"""Time-invariant covariates of the value models: their names, their tables and their scale."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError, ParamsError

Floats = NDArray[np.float64]


def covariate_names(covariates: Any, reserved: Collection[str]) -> list[Any]:
    """Names of the covariates that a model is given: a list of them, a table, or None.

    Raises
    ------
    ParamsError
        If a name is given twice, or is reserved for a column that the model itself uses.

    Examples
    --------
    >>> covariate_names(pd.DataFrame({"age": [31]}), ["T"])
    ['age']
    """
    if covariates is None:
        return []
    if isinstance(covariates, str):
        raise ParamsError(f"covariates is {covariates!r}: give a list of names, or a table")
    names = list(covariates)
    for name in names:
        if name in reserved or names.count(name) > 1:
            what = "is given twice" if name not in reserved else "is a column of the history"
            raise ParamsError(f"covariate {name!r} {what}: give every covariate once, under its own name")
    return names


def with_covariates(customers: pd.DataFrame, covariates: Any) -> pd.DataFrame:
    """Join the covariates of a separate table to a customer table, by index; without one, change nothing.

    Raises
    ------
    DataError
        If the table lacks a customer, or has one twice.

    Examples
    --------
    >>> with_covariates(pd.DataFrame({"T": [38]}), pd.DataFrame({"age": [31]}))
        T  age
    0  38   31
    """
    if not isinstance(covariates, pd.DataFrame):
        return customers
    missing = customers.index.difference(covariates.index)
    if len(missing):
        first = ", ".join(map(str, missing[:3]))
        raise DataError(f"the covariates lack {len(missing)} of {len(customers)} customers (first: {first})")
    if not covariates.index.is_unique:
        twice = covariates.index[covariates.index.duplicated()][0]
        raise DataError(f"the covariates have customer {twice} twice: keep one row for each")
    return customers.drop(columns=customers.columns.intersection(covariates.columns)).join(covariates)


def checked_penalty(penalty: Any) -> float:
    """Check a ridge penalty and return it as a float.

    Raises
    ------
    ParamsError
        If it is not a number of at least 0.

    Examples
    --------
    >>> checked_penalty(1)
    1.0
    """
    if not isinstance(penalty, Real) or not float(penalty) >= 0.0:
        raise ParamsError(f"penalty is {penalty!r}: give a number of at least 0")
    return float(penalty)


def standardised(
    columns: Sequence[Floats], weight: Floats, names: Sequence[str]
) -> tuple[Floats, Floats, Floats]:
    """Standardise covariates: return them, shape (n, c), and their weighted means and standard deviations.

    Raises
    ------
    DataError
        If a covariate is the same for all customers.

    Examples
    --------
    >>> z, centre, spread = standardised([np.array([1.0, 3.0])], np.ones(2), ["age"])
    >>> z.ravel(), centre, spread
    (array([-1.,  1.]), array([2.]), array([1.]))
    """
    z = np.column_stack(columns) if columns else np.empty((len(weight), 0))
    centre = np.average(z, axis=0, weights=weight)
    spread = np.sqrt(np.average((z - centre) ** 2, axis=0, weights=weight))
    for name, each, middle in zip(names, spread, centre, strict=True):
        if each <= 1e-12 * max(1.0, abs(middle)):
            raise DataError(f"covariate {name!r} is {middle:g} for every customer: leave it out")
    return (z - centre) / spread, centre, spread


def on_original_scale(
    theta: Floats,
    hessian: Floats,
    parameters: Sequence[str],
    covariates: Mapping[str, Sequence[Any]],
    centre: Floats,
    spread: Floats,
) -> tuple[Floats, Floats]:
    """Undo the standardisation of the covariates.

    Parameters
    ----------
    theta : array, shape (d,)
        Log-parameters, then the coefficients of standardised covariates by parameter.
    hessian : array, shape (d, d)
    parameters : sequence of str
    covariates : mapping
        Names of the covariates of each parameter.
    centre, spread : array, shape (c,)

    Examples
    --------
    >>> scale = {"centre": np.array([40.0]), "spread": np.array([10.0])}
    >>> theta, hessian = on_original_scale(
    ...     np.array([0.0, 1.0]), -np.eye(2), ["alpha"], {"alpha": ["age"]}, **scale
    ... )
    >>> theta
    array([-4. ,  0.1])
    """
    back = np.eye(len(theta))
    position = len(parameters)
    for i, name in enumerate(parameters):
        for j in range(len(covariates.get(name, ()))):
            back[position, position] = 1.0 / spread[j]
            back[i, position] = -centre[j] / spread[j]
            position += 1
    forth = np.linalg.inv(back)
    return back @ theta, forth.T @ hessian @ forth


def named_params(
    theta: Floats, parameters: Sequence[str], covariates: Mapping[str, Sequence[Any]]
) -> dict[str, float]:
    """Parameters by name, then the coefficients as ``parameter:covariate``.

    Examples
    --------
    >>> named_params(np.array([0.0, 0.5]), ["alpha"], {"alpha": ["age"]})
    {'alpha': 1.0, 'alpha:age': 0.5}
    """
    names = [f"{parameter}:{name}" for parameter in parameters for name in covariates.get(parameter, ())]
    plain = np.exp(theta[: len(parameters)]).tolist()
    return dict(zip([*parameters, *names], [*plain, *theta[len(parameters) :].tolist()], strict=True))
