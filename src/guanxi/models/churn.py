"""The churn classifier: LightGBM that learns what a given log odds misses."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

from guanxi.models.scoring import calibrated

Array = NDArray[np.float64]
_ROWS_PER_LEAF_SHARE = 20


class ChurnClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Gradient-boosted trees for P(class 1), on top of an optional offset in log odds.

    With validation data, which must lie later in time, boosting stops when its log loss no longer falls;
    a logistic calibration is fitted there; then the trees are grown once more, for as many rounds, on
    training and validation rows together. Classes are never resampled or reweighted: an imbalance stands
    in the probabilities.

    Parameters
    ----------
    n_estimators : int, default 1000
        Rounds of boosting at most.
    early_stopping_rounds : int, default 30
        Rounds without a lower validation loss after which boosting stops.
    learning_rate, num_leaves, max_depth, colsample_bytree, subsample, subsample_freq
        As in :class:`lightgbm.LGBMClassifier`.
    reg_alpha, reg_lambda, min_split_gain, max_bin
        As in :class:`lightgbm.LGBMClassifier`.
    min_child_samples : int, default 300
        Rows a leaf must hold; at most a twentieth of all rows is asked for.
    random_state : int, default 0
        Seed of the column and row samples.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The trees, without offset and calibration.
    n_rounds_ : int
        Rounds of boosting.
    calibration_ : dict
        ``slope`` and ``intercept`` on the log odds; 1 and 0 without validation data.
    validation_gain_ : dict or None
        ``mean`` and ``standard_error`` of how much the trees lower the log loss of the offset alone on the
        validation data; None without an offset or validation data.
    classes_ : ndarray of shape (2,)
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where ``X`` has column names.

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
            If ``y`` has not exactly two classes or the shapes do not fit.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_ = np.unique(y)
        if len(self.classes_) != 2:
            kind = f"{len(self.classes_)} class" + ("es" if len(self.classes_) > 1 else "")
            known = f" ({type_of_target(y)})"
            raise ValueError(f"Only binary classification is supported: y holds {kind}{known}")
        label = (y == self.classes_[1]).astype(np.float64)
        start = _offset(offset, len(X), none=None)
        if validation is None:
            self.n_rounds_ = self.n_estimators
            self.validation_gain_ = None
            self.calibration_ = {"slope": 1.0, "intercept": 0.0}
            self.booster_ = self._grow(X, label, start, self.n_rounds_)
            return self
        later_X = validate_data(
            self, validation[0], dtype=np.float64, ensure_all_finite="allow-nan", reset=False
        )
        later_label = (np.asarray(validation[1]) == self.classes_[1]).astype(np.float64)
        later_start = _offset(validation[2], len(later_X), none=None)
        if (start is None) != (later_start is None):
            raise ValueError("an offset is given for only one of training and validation: give both or none")
        stopped = self._grow(X, label, start, self.n_estimators, (later_X, later_label, later_start))
        self.n_rounds_ = int(stopped.best_iteration)
        raw = stopped.predict(later_X, raw_score=True, num_iteration=self.n_rounds_)
        self.validation_gain_ = _gain(later_start, raw, later_label)
        self.calibration_ = fit_calibration(raw if later_start is None else raw + later_start, later_label)
        self.booster_ = self._grow(
            np.vstack([X, later_X]),
            np.concatenate([label, later_label]),
            None if start is None or later_start is None else np.concatenate([start, later_start]),
            self.n_rounds_,
        )
        return self

    def decision_function(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """Calibrated log odds of class 1, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        raw = _offset(offset, len(X), none=0.0) + self.booster_.predict(X, raw_score=True)
        return np.asarray(self.calibration_["intercept"] + self.calibration_["slope"] * raw)

    def predict_proba(self, X: Any, offset: ArrayLike | None = None) -> Array:
        """Probabilities of both classes, shape (n, 2)."""
        churn = calibrated(self.decision_function(X, offset), slope=1.0, intercept=0.0)
        return np.column_stack([1.0 - churn, churn])

    def predict(self, X: Any, offset: ArrayLike | None = None) -> NDArray[Any]:
        """Class of each row, by a probability above one half."""
        likely = self.decision_function(X, offset) > 0
        return np.asarray(self.classes_[likely.astype(int)])

    def _grow(
        self,
        X: Array,
        label: Array,
        start: Array | None,
        rounds: int,
        validation: tuple[Array, Array, Array | None] | None = None,
    ) -> Any:
        lightgbm = _import_lightgbm()
        settings = self._lightgbm_settings(len(X))
        data = lightgbm.Dataset(X, label, init_score=start, params=settings)
        if validation is None:
            return lightgbm.train(settings, data, rounds)
        later = lightgbm.Dataset(
            validation[0], validation[1], init_score=validation[2], reference=data, params=settings
        )
        stop = lightgbm.early_stopping(self.early_stopping_rounds, verbose=False)
        return lightgbm.train(settings, data, rounds, valid_sets=[later], callbacks=[stop])

    def _lightgbm_settings(self, rows: int) -> dict[str, Any]:
        settings: dict[str, Any] = self.get_params()
        for name in ("n_estimators", "early_stopping_rounds", "random_state"):
            del settings[name]
        return settings | {
            "objective": "binary",
            "min_child_samples": max(1, min(self.min_child_samples, rows // _ROWS_PER_LEAF_SHARE)),
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "verbose": -1,
        }

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        return tags


def _import_lightgbm() -> Any:
    # Threads that wait by spinning take the cores from others: beside one busy process 2.5 s become 1.2 s.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import lightgbm

    return lightgbm


def _gain(offset: Array | None, trees: Array, label: Array) -> dict[str, float] | None:
    if offset is None:
        return None
    alone, together = (np.logaddexp(0.0, z) - label * z for z in (offset, offset + trees))
    gain = alone - together
    return {"mean": float(gain.mean()), "standard_error": float(gain.std() / np.sqrt(len(gain)))}


def fit_calibration(log_odds: Array, label: Array) -> dict[str, float]:
    """Fit ``slope`` and ``intercept`` of a logistic calibration by maximum likelihood.

    Where the labels are of one class, or the fit would turn the order round, nothing is changed.
    """
    from scipy.optimize import minimize

    unchanged = {"slope": 1.0, "intercept": 0.0}
    if label.min() == label.max() or np.ptp(log_odds) == 0:
        return unchanged

    def loss(theta: Array) -> tuple[float, Array]:
        z = theta[0] + theta[1] * log_odds
        error = calibrated(z, slope=1.0, intercept=0.0) - label
        return float(np.mean(np.logaddexp(0.0, z) - label * z)), np.array(
            [error.mean(), (error * log_odds).mean()]
        )

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
