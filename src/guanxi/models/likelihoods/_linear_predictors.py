"""Log-likelihoods whose parameters depend on covariates, with gradient and Hessian."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Derivatives = tuple[Floats, Floats, Floats]  # value (n,), gradient (d, n), Hessian (d, d, n)


class LinearPredictorLikelihood(ABC):
    """Weighted sum over rows as a function of log-parameters and coefficients of covariates.

    A parameter with covariates Z is ``exp(log-parameter + Z @ coefficients)`` for each row.

    Parameters
    ----------
    names : sequence of str
        The parameters.
    weight : array, shape (n,)
    covariates : mapping
        Covariates by parameter name, shape (n, c).
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients is subtracted.
    """

    _chunk: ClassVar[int]  # rows per pass, so that the derivatives fit the processor's cache

    def __init__(
        self, names: Sequence[str], weight: Floats, covariates: Mapping[str, Floats] | None, penalty: float
    ) -> None:
        self._names, self._weight, self._penalty = list(names), weight, penalty
        self._covariates = dict(covariates or {})
        self._constant = 0.0

    def __call__(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to log-parameters, then coefficients by parameter."""
        count = len(theta)
        value, gradient, hessian = self._constant, np.zeros(count), np.zeros((count, count))
        for start in range(0, len(self._weight), self._chunk):
            rows = slice(start, start + self._chunk)
            weight = self._weight[rows]
            design = self._design(rows, len(weight))
            values, slopes, curves = self._terms(self._params(theta, design), rows)
            value += float(weight @ values)
            for i, (at, left) in enumerate(design):
                gradient[at] += left.T @ (weight * slopes[i])
                for j, (other, right) in enumerate(design[: i + 1]):
                    block = left.T @ ((weight * curves[i, j])[:, None] * right)
                    hessian[np.ix_(at, other)] += block
                    if j < i:
                        hessian[np.ix_(other, at)] += block.T
        coefficients = slice(len(self._names), None)
        gradient[coefficients] -= self._penalty * theta[coefficients]
        hessian[coefficients, coefficients] -= self._penalty * np.eye(count - len(self._names))
        penalty = 0.5 * self._penalty * float(theta[coefficients] @ theta[coefficients])
        return value - penalty, gradient, hessian

    @abstractmethod
    def _terms(self, params: dict[str, Floats], rows: slice) -> Derivatives:
        """Terms of the rows and their derivatives by the log-parameters, in the order of the names."""

    def _design(self, rows: slice, size: int) -> list[tuple[list[int], Floats]]:
        """Positions of each log-parameter and its coefficients, and the columns that they multiply."""
        design, next_one = [], len(self._names)
        for i, name in enumerate(self._names):
            columns, at = np.ones((size, 1)), [i]
            if name in self._covariates:
                z = self._covariates[name][rows]
                columns = np.column_stack([columns, z])
                at += range(next_one, next_one + z.shape[1])
                next_one += z.shape[1]
            design.append((at, columns))
        return design

    def _params(self, theta: Floats, design: list[tuple[list[int], Floats]]) -> dict[str, Floats]:
        pairs = zip(self._names, design, strict=True)
        return {name: np.exp(columns @ theta[at]) for name, (at, columns) in pairs}
