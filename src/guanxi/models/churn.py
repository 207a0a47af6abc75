"""The churn classifier: LightGBM with given log odds as offset."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from guanxi.models.boosting import Rows, grow, grow_in_parallel
from guanxi.models.losses import logistic_loss
from guanxi.served.corrections import probability

Array = NDArray[np.float64]
_NOT_TREES = ("categorical_features", "validation_fraction")
_FEWEST_TO_STOP_ON = 2  # held-out rows of the rarer class for early stopping


class ChurnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gradient-boosted trees for P(class 1), on top of an optional offset in log odds.

    Boosting stops when the log loss of held-out rows no longer decreases; then the trees are refitted with
    that number of rounds on all rows. The held-out rows are validation data of a later time, on which a
    logistic calibration is fitted too, or else a random share of each class. Classes are never resampled or
    reweighted: the probabilities reflect an imbalance.

    Parameters
    ----------
    n_estimators : int, default 1000
        Maximum number of boosting rounds.
    early_stopping_rounds : int, default 30
        Boosting stops after this number of rounds without a lower validation loss.
    learning_rate, num_leaves, max_depth, colsample_bytree, subsample, subsample_freq
        As in :class:`lightgbm.LGBMClassifier`.
    reg_alpha, reg_lambda, min_split_gain, max_bin
        As in :class:`lightgbm.LGBMClassifier`.
    min_child_samples : int, default 300
        Minimum number of rows in a leaf, capped at a twentieth of all rows.
    n_seeds : int, default 3
        Number of boosters whose log odds are averaged, with seeds ``random_state``, ``random_state`` + 1, ...
    categorical_features : sequence of int, optional
        Columns of category codes, whole numbers from 0; NaN is missing. Columns of pandas' ``category``
        dtype are known as such without being named.
    validation_fraction : float or None, default 0.2
        Share of each class held out for early stopping without validation data. If None, or if that leaves
        fewer than two rows of a class, all rounds are used.
    random_state : int, default 0
        Seed of the column and row samples and of the held-out rows.

    Attributes
    ----------
    boosters_ : list of lightgbm.Booster
        The trees, one booster per seed, without offset and calibration.
    n_rounds_ : float
        Mean number of boosting rounds over the seeds.
    calibration_ : dict
        ``slope`` and ``intercept`` on the log odds; 1 and 0 without validation data, since early stopping
        already calibrates for the same period.
    classes_ : ndarray of shape (2,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If ``X`` has column names.
    categories_ : dict
        Categories of each column of ``category`` dtype, by its name; others count as missing.
    feature_importances_ : ndarray of shape (n_features,)
        Share of each feature in the total gain of the splits.

    References
    ----------
    Ke, G. et al. (2017), LightGBM: a highly efficient gradient boosting decision tree, NeurIPS 30.
    Platt, J. (1999), Probabilistic outputs for support vector machines (the logistic calibration).

    Examples
    --------
    >>> import numpy as np
    >>> X = np.arange(200.0).reshape(-1, 1)
    >>> model = ChurnClassifier(n_estimators=50, learning_rate=0.1).fit(X, X[:, 0] > 99)
    >>> bool(model.predict([[150.0]])[0])
    True
    """

    def __init__(
        self,
        *,
        n_estimators: int = 1000,
        early_stopping_rounds: int = 30,
        learning_rate: float = 0.1,
        num_leaves: int = 5,
        max_depth: int = -1,
        min_child_samples: int = 300,
        colsample_bytree: float = 0.3,
        subsample: float = 1.0,
        subsample_freq: int = 0,
        reg_alpha: float = 0.0,
        reg_lambda: float = 50.0,
        min_split_gain: float = 0.0,
        max_bin: int = 255,
        n_seeds: int = 3,
        categorical_features: Sequence[int] | None = None,
        validation_fraction: float | None = 0.2,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.early_stopping_rounds = early_stopping_rounds
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.max_depth = max_depth
        self.min_child_samples = min_child_samples
        self.colsample_bytree = colsample_bytree
        self.subsample = subsample
        self.subsample_freq = subsample_freq
        self.reg_alpha = reg_alpha
        self.reg_lambda = reg_lambda
        self.min_split_gain = min_split_gain
        self.max_bin = max_bin
        self.n_seeds = n_seeds
        self.categorical_features = categorical_features
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        offset: ArrayLike | None = None,
        validation: tuple[Any, Any, ArrayLike | None] | None = None,
    ) -> ChurnClassifier:
        """Fit the trees.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Features; NaN is a missing value.
        y : array-like of shape (n,)
            Two classes; the larger label is class 1.
        offset : array-like of shape (n,), optional
            Log odds of class 1 known beforehand, from which the trees start.
        validation : (X, y, offset), optional
            Rows of a later time, for early stopping and calibration.

        Raises
        ------
        ValueError
            If ``y`` does not have exactly two classes, or the shapes do not match.
        """
        self.categories_ = _categories(X)
        X, y = validate_data(self, self._coded(X), y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            kind = f"{len(self.classes_)} class" + ("es" if len(self.classes_) > 1 else "")
            known = f" ({type_of_target(y)})"
            raise ValueError(f"Only binary classification is supported: y holds {kind}{known}")
        label = (y == self.classes_[1]).astype(np.float64)
        rows = Rows(X, label, _offset(offset, len(X), none=None))
        self.calibration_ = {"slope": 1.0, "intercept": 0.0}
        if validation is None:
            self._fit_without_validation(rows)
        else:
            self._fit_with_validation(rows, validation)
        return self

    def _fit_without_validation(self, rows: Rows) -> None:
        held_out = self._random_share(rows.y)
        rounds = [self.n_estimators] * self.n_seeds
        if held_out is not None:
            stopped = self._boosters(_part(rows, ~held_out), rounds, later=_part(rows, held_out))
            rounds = [booster.best_iteration for booster in stopped]
        self._grow_on_all(rows, rounds)

    def _fit_with_validation(self, rows: Rows, validation: tuple[Any, Any, ArrayLike | None]) -> None:
        X = validate_data(
            self, self._coded(validation[0]), dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        label = (np.asarray(validation[1]) == self.classes_[1]).astype(np.float64)
        later = Rows(X, label, _offset(validation[2], len(X), none=None))
        if (rows.offset is None) != (later.offset is None):
            raise ValueError("an offset is given for only one of training and validation: give both or none")
        stopped = self._boosters(rows, [self.n_estimators] * self.n_seeds, later=later)
        raw = _mean_score(stopped, X)
        self.calibration_ = fit_calibration(raw if later.offset is None else raw + later.offset, label)
        together = Rows(
            np.vstack([rows.X, X]),
            np.concatenate([rows.y, label]),
            None if rows.offset is None else np.concatenate([rows.offset, later.offset]),
        )
        self._grow_on_all(together, [booster.best_iteration for booster in stopped])

    def _random_share(self, label: Array) -> NDArray[np.bool_] | None:
        """Draw held-out rows: the same share of each class, or None if a class is too small."""
        if self.validation_fraction is None:
            return None
        counts = [round(self.validation_fraction * np.sum(label == value)) for value in (0, 1)]
        if min(counts) < _FEWEST_TO_STOP_ON:
            return None
        random = np.random.default_rng(self.random_state)
        held_out = np.zeros(len(label), dtype=bool)
        for value, count in enumerate(counts):
            held_out[random.choice(np.flatnonzero(label == value), count, replace=False)] = True
        return held_out

    def _grow_on_all(self, rows: Rows, rounds: Sequence[int]) -> None:
        self.n_rounds_ = float(np.mean(rounds))
        self.boosters_ = self._boosters(rows, rounds)

    def _boosters(self, rows: Rows, rounds: Sequence[int], later: Rows | None = None) -> list[Any]:
        """Grow a booster per seed, with early stopping on the later rows, if given."""
        settings = {name: value for name, value in self.get_params().items() if name not in _NOT_TREES}
        of_frame = [
            at for at, name in enumerate(getattr(self, "feature_names_in_", ())) if name in self.categories_
        ]
        categorical = tuple(sorted({*(self.categorical_features or ()), *of_frame}))
        seeds = [self.random_state + seed for seed in range(len(rounds))]
        growers = [
            partial(grow, rows, "binary", settings, count, seed, later=later, categorical=categorical)
            for seed, count in zip(seeds, rounds, strict=True)
        ]
        return grow_in_parallel(growers, len(rows.y))

    @property
    def feature_importances_(self) -> Array:
        """Share of each feature in the total gain of the splits; all 0 if there is no split."""
        check_is_fitted(self)
        gain = np.mean([each.feature_importance("gain") for each in self.boosters_], axis=0)
        return np.asarray(gain / gain.sum() if gain.sum() > 0 else gain, dtype=np.float64)

    def _coded(self, X: Any) -> Any:
        """Replace columns of categories by the codes they had in the fit; unknown ones are missing."""
        if not self.categories_ or not isinstance(X, pd.DataFrame):
            return X
        codes = {
            name: pd.Index(known).get_indexer(pd.Index(np.asarray(X[name])))
            for name, known in self.categories_.items()
            if name in X
        }
        return X.assign(**{name: np.where(code < 0, np.nan, code) for name, code in codes.items()})

    def decision_function(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """Calibrated log odds of class 1, shape (n,)."""
        check_is_fitted(self)
        X = self._coded(X)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        raw = _offset(offset, len(X), none=0.0) + _mean_score(self.boosters_, X)
        return np.asarray(self.calibration_["intercept"] + self.calibration_["slope"] * raw)

    def predict_proba(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """Probabilities of both classes, shape (n, 2)."""
        churn = probability(self.decision_function(X, offset))
        return np.column_stack([1.0 - churn, churn])

    def predict(self, X: Any, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Class of each row, with threshold one half."""
        likely = self.decision_function(X, offset) > 0
        return np.asarray(self.classes_[likely.astype(int)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _categories(X: Any) -> dict[str, list[Any]]:
    """Return the categories of each column of categories, by its name."""
    if not isinstance(X, pd.DataFrame):
        return {}
    kinds = {str(name): kind for name, kind in X.dtypes.items() if isinstance(kind, pd.CategoricalDtype)}
    return {name: list(kind.categories) for name, kind in kinds.items()}


def _part(rows: Rows, chosen: NDArray[np.bool_]) -> Rows:
    return Rows(rows.X[chosen], rows.y[chosen], None if rows.offset is None else rows.offset[chosen])


def _mean_score(boosters: Sequence[Any], X: Array) -> Array:
    return np.asarray(np.mean([each.predict(X, raw_score=True) for each in boosters], axis=0))


def fit_calibration(log_odds: Array, label: Array) -> dict[str, float]:
    """Fit ``slope`` and ``intercept`` of a logistic calibration by maximum likelihood.

    It is the identity if the labels are of one class, or if the fit would reverse the order.
    """
    from scipy.optimize import minimize

    unchanged = {"slope": 1.0, "intercept": 0.0}
    if label.min() == label.max() or np.ptp(log_odds) == 0:
        return unchanged

    def loss(theta: Array) -> tuple[float, Array]:
        z = theta[0] + theta[1] * log_odds
        error = probability(z) - label
        return float(logistic_loss(label, z).mean()), np.array([error.mean(), (error * log_odds).mean()])

    fitted = minimize(loss, np.array([0.0, 1.0]), jac=True, method="BFGS")
    intercept, slope = (float(value) for value in fitted.x)
    if not (np.isfinite(intercept) and 0.0 < slope < 10.0):
        return unchanged
    return {"slope": slope, "intercept": intercept}


def _offset(offset: ArrayLike | None, rows: int, *, none: Any) -> Any:
    if offset is None:
        return none
    values = np.asarray(offset, dtype=np.float64)
    if values.shape != (rows,):
        raise ValueError(f"offset has shape {values.shape}: it must be ({rows},), one log odds a row")
    return values
