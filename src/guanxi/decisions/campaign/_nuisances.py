"""Out-of-fold predictions of treatment and outcome from covariates, for doubly robust estimates.

Two learners are tried for each: an additive model (ridge or logistic regression on splines) and LightGBM. The
one with the smaller out-of-fold loss is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ADDITIVE, BOOSTING = "additive", "boosting"
_KNOTS = 5
_FEW_FOR_BOOSTING = 500
_SMALLEST = 0.01  # propensity
_SHARE_OF_ARM = 0.05  # of the smaller arm's share, if that is less than _SMALLEST
_TREES: dict[str, Any] = {
    "n_estimators": 100,
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_child_samples": 30,
    "subsample": 1.0,
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
    """Predictions of the learner with the smaller out-of-fold loss on ``rows``."""
    binary = bool(np.isin(y, (0.0, 1.0)).all())
    if np.ptp(y[rows]) == 0.0:
        return np.full(len(y), y[rows][0]), "constant"
    names = (ADDITIVE, BOOSTING) if rows.sum() >= _FEW_FOR_BOOSTING else (ADDITIVE,)
    inputs = {ADDITIVE: _additive_basis(x), BOOSTING: x}
    tried = {name: _out_of_fold(name, inputs[name], y, rows, folds, binary=binary) for name in names}
    losses = {name: _loss(y[rows], predicted[rows], binary=binary) for name, predicted in tried.items()}
    learner = min(losses, key=lambda name: losses[name])
    return tried[learner], learner


def _loss(y: Floats, predicted: Floats, *, binary: bool) -> float:
    if not binary:
        return float(np.mean((y - predicted) ** 2))
    probability = np.clip(predicted, 1e-6, 1.0 - 1e-6)
    return float(-np.mean(y * np.log(probability) + (1.0 - y) * np.log1p(-probability)))


def _out_of_fold(
    name: str, x: Floats, y: Floats, rows: NDArray[np.bool_], folds: Folds, *, binary: bool
) -> Floats:
    predicted = np.empty(len(y))
    for others, own in folds:
        known = others & rows
        if np.ptp(y[known]) == 0.0:
            predicted[own] = y[known][0]
            continue
        model = _learner(name, folds.seed, binary=binary).fit(x[known], y[known])
        predicted[own] = model.predict_proba(x[own])[:, 1] if binary else model.predict(x[own])
    return predicted


def _learner(name: str, seed: int, *, binary: bool) -> Any:
    if name == BOOSTING:
        import lightgbm

        kind = lightgbm.LGBMClassifier if binary else lightgbm.LGBMRegressor
        return kind(**_TREES, random_state=seed)
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if binary:
        return LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200)
    return RidgeCV(np.logspace(-1, 4, 11))


def _additive_basis(x: Floats) -> Floats:
    """Each covariate and its hinges at inner quantiles, standardised (no outcome is used)."""
    inner = np.quantile(x, np.linspace(0.0, 1.0, _KNOTS + 2)[1:-1], axis=0)
    hinges = [
        np.maximum(values[:, None] - np.unique(knots), 0.0)
        for values, knots in zip(x.T, inner.T, strict=True)
    ]
    basis = np.hstack([x, *hinges])
    spread = basis.std(axis=0)
    kept = spread > 1e-12 * np.abs(basis).max(axis=0, initial=0.0)
    return np.asarray((basis[:, kept] - basis[:, kept].mean(axis=0)) / spread[kept])
