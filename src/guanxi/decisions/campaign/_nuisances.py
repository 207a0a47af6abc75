"""Out-of-fold predictions of treatment and outcome from covariates, for doubly robust estimates.

An additive model (ridge or logistic regression on linear splines) comes first, then LightGBM on what it
leaves, such as interactions. Of 0, 75, 150 and 300 trees the number with the smallest out-of-fold loss is
used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_KNOTS = 5
_TAIL = 0.01
_FEW_VALUES = 10
_FEW_FOR_TREES = 500
_SMALLEST = 0.01  # propensity
_SHARE_OF_ARM = 0.05  # of the smaller arm's share, if that is less than _SMALLEST
_TREES = (0, 75, 150, 300)
_PENALTIES = np.logspace(-1, 4, 11)
_SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 30,
    "num_threads": 1,
    "verbosity": -1,
    "deterministic": True,
    "force_row_wise": True,
}


@dataclass(frozen=True)
class Folds:
    """Division of the customers for cross-fitting.

    Attributes
    ----------
    number : numpy.ndarray of int, shape (n,)
        The fold of each customer; that customer's predictions are of models fitted on all other folds.
    seed : int
        For the learners.
    """

    number: NDArray[np.int64]
    seed: int

    def __iter__(self) -> Any:
        return ((self.number != fold, self.number == fold) for fold in np.unique(self.number))


def stratified_folds(treated: NDArray[np.bool_], count: int, seed: int) -> Folds:
    """Divide both arms at random into folds of equal size (within one customer)."""
    random = np.random.default_rng(seed)
    number = np.empty(len(treated), dtype=np.int64)
    for arm in (True, False):
        rows = np.flatnonzero(treated == arm)
        number[random.permutation(rows)] = np.arange(len(rows)) % count
    return Folds(number, seed)


def propensities(x: Floats, treated: NDArray[np.bool_], folds: Folds) -> tuple[Floats, str]:
    """Out-of-fold probability of treatment, and the learner used.

    Parameters
    ----------
    x : numpy.ndarray of float, shape (n, k)
    treated : numpy.ndarray of bool, shape (n,)
    folds : Folds

    Returns
    -------
    numpy.ndarray of float, shape (n,)
        Kept away from 0 and 1 by .01, or by a twentieth of the smaller arm's share where that is less.
    str
    """
    everyone = np.ones(len(x), dtype=bool)
    predicted, learner = _best(x, treated.astype(np.float64), everyone, folds)
    share = treated.mean()
    least = min(_SMALLEST, _SHARE_OF_ARM * min(share, 1.0 - share))
    return np.clip(predicted, least, 1.0 - least), learner


def expected_outcomes(x: Floats, y: Floats, arm: NDArray[np.bool_], folds: Folds) -> tuple[Floats, str]:
    """Out-of-fold expectation of the outcome, had the customer been in the arm, and the learner used.

    Parameters
    ----------
    x : numpy.ndarray of float, shape (n, k)
    y : numpy.ndarray of float, shape (n,)
    arm : numpy.ndarray of bool, shape (n,)
        The customers whose outcomes are learned from; predictions are for all.
    folds : Folds
    """
    return _best(x, y, arm, folds)


def _best(x: Floats, y: Floats, rows: NDArray[np.bool_], folds: Folds) -> tuple[Floats, str]:
    """Out-of-fold predictions with the number of trees that has the smallest loss on ``rows``."""
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    if np.ptp(y[rows]) == 0.0:
        return np.full(len(y), y[rows][0]), "constant"
    numbers = _TREES if rows.sum() >= _FEW_FOR_TREES else _TREES[:1]
    tried = _out_of_fold(x, y, rows, folds, numbers, binary=binary)
    losses = [_loss(y[rows], predicted[rows], binary=binary) for predicted in tried]
    best = int(np.argmin(losses))
    return tried[best], f"additive and {numbers[best]} trees" if best else "additive"


def _loss(y: Floats, predicted: Floats, *, binary: bool) -> float:
    if not binary:
        return float(np.mean((y - predicted) ** 2))
    probability = np.clip(predicted, 1e-6, 1.0 - 1e-6)
    return float(-np.mean(y * np.log(probability) + (1.0 - y) * np.log1p(-probability)))


def _out_of_fold(
    x: Floats,
    y: Floats,
    rows: NDArray[np.bool_],
    folds: Folds,
    numbers: Sequence[int],
    *,
    binary: bool,
) -> list[Floats]:
    """Predictions by number of trees, each shape (n,)."""
    basis = _additive_basis(x)
    tried = [np.empty(len(y)) for _ in numbers]
    for others, own in folds:
        known = others & rows
        if np.ptp(y[known]) == 0.0:
            found = [np.full(own.sum(), y[known][0])] * len(numbers)
        else:
            trained = (basis[known], x[known], y[known])
            found = _predictions(trained, (basis[own], x[own]), numbers, folds.seed, binary=binary)
        for values, predicted in zip(tried, found, strict=True):
            values[own] = predicted
    return tried


def _predictions(
    trained: tuple[Floats, Floats, Floats],
    asked: tuple[Floats, Floats],
    numbers: Sequence[int],
    seed: int,
    *,
    binary: bool,
) -> list[Floats]:
    """Fit the additive model and trees to what it leaves; predict with each number of trees."""
    import lightgbm
    from sklearn.linear_model import LogisticRegression, RidgeCV

    basis, x, y = trained
    if binary:
        additive = LogisticRegression(solver="newton-cholesky").fit(basis, y).decision_function
    else:
        additive = RidgeCV(_PENALTIES).fit(basis, y).predict
    begun, scores = additive(basis), [additive(asked[0])]
    if numbers[-1]:
        settings = _SETTINGS | {"objective": "binary" if binary else "regression", "seed": seed}
        data = lightgbm.Dataset(x, y, init_score=begun)
        trees = lightgbm.train(settings, data, numbers[-1], keep_training_booster=True)  # not made text again
        scores += [
            scores[0] + trees.predict(asked[1], raw_score=True, num_iteration=number)
            for number in numbers[1:]
        ]
    return [np.asarray(special.expit(score) if binary else score) for score in scores]


def _additive_basis(x: Floats) -> Floats:
    """Each covariate and its hinges at inner quantiles, standardised (no outcome is used).

    Covariates of many values end at their 1st and 99th percentile: a few customers who spend a hundred times
    the usual would else turn every line.
    """
    columns = []
    for values in x.T:
        few = len(np.unique(values)) <= _FEW_VALUES
        kept = values if few else np.clip(values, *np.quantile(values, (_TAIL, 1.0 - _TAIL)))
        knots = np.unique(np.quantile(kept, np.linspace(0.0, 1.0, _KNOTS + 2)[1:-1]))
        columns += [kept, *np.maximum(kept[:, None] - knots, 0.0).T]
    basis = np.column_stack(columns)
    spread = basis.std(axis=0)
    informative = spread > 1e-12 * np.abs(basis).max(axis=0, initial=0.0)
    return np.asarray((basis - basis.mean(axis=0))[:, informative] / spread[informative])
