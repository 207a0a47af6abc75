"""Metrics of counts, amounts and probabilities, each with its functional, domain and direction."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
BINS = 10


def mean_absolute_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean of |predicted - actual|: the median's metric; from 0, lower is better.

    It rewards under-prediction of skewed counts: read it together with :func:`bias`.
    """
    return float(np.abs(_floats(predicted) - _floats(actual)).mean())


def root_mean_squared_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Square root of the mean squared error: the mean's metric; from 0, lower is better."""
    return float(np.sqrt(((_floats(predicted) - _floats(actual)) ** 2).mean()))


def bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Relative error of the total, ``sum(predicted) / sum(actual) - 1``; nearer 0 is better."""
    total = _floats(actual).sum()
    return float(_floats(predicted).sum() / total - 1.0) if total else float("nan")


def spearman(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Rank correlation with mid-ranks for ties: order only; -1 to 1, higher is better."""
    from scipy.stats import rankdata

    ranks = rankdata(_floats(actual)), rankdata(_floats(predicted))
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def top_decile_capture(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Share of the actual total of the truly best tenth that the predicted best tenth brought.

    Order only; 0 to 1, higher is better. Ties are broken by position.
    """
    actual, predicted = _floats(actual), _floats(predicted)
    k = max(1, len(actual) // 10)
    best = np.sort(actual)[-k:].sum()
    chosen = actual[np.argsort(-predicted, kind="stable")[:k]].sum()
    return float(chosen / best) if best else float("nan")


def poisson_deviance(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Mean Poisson deviance of counts: the mean's metric; from 0, lower is better."""
    from scipy.special import xlogy

    actual, predicted = _floats(actual), np.maximum(_floats(predicted), 1e-12)
    return float(2.0 * (xlogy(actual, actual / predicted) - actual + predicted).mean())


def auc(actual: ArrayLike, probability: ArrayLike) -> float:
    """Area under the ROC curve: order only; 0.5 is chance, higher is better."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(actual, probability)) if _both(actual) else float("nan")


def log_loss(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean negative log-likelihood of the outcomes: the probability's metric; from 0, lower is better."""
    actual, p = _floats(actual), np.clip(_floats(probability), 1e-15, 1.0 - 1e-15)
    return float(-(actual * np.log(p) + (1.0 - actual) * np.log1p(-p)).mean())


def brier(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean squared error of probabilities: the probability's metric; 0 to 1, lower is better."""
    return float(((_floats(probability) - _floats(actual)) ** 2).mean())


def expected_calibration_error(actual: ArrayLike, probability: ArrayLike) -> float:
    """Mean gap between predicted and observed share over ten equal-count bins; from 0, lower is better."""
    actual, probability = _floats(actual), _floats(probability)
    bins = np.array_split(np.argsort(probability, kind="stable"), BINS)
    gaps = [len(rows) * abs(actual[rows].mean() - probability[rows].mean()) for rows in bins if len(rows)]
    return float(sum(gaps) / len(actual))


COUNTS = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "bias": bias,
    "poisson_deviance": poisson_deviance,
    "spearman": spearman,
}
AMOUNTS = {
    "mae": mean_absolute_error,
    "rmse": root_mean_squared_error,
    "bias": bias,
    "spearman": spearman,
    "top_decile_capture": top_decile_capture,
}
PROBABILITIES = {
    "auc": auc,
    "log_loss": log_loss,
    "brier": brier,
    "ece": expected_calibration_error,
}


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _both(actual: ArrayLike) -> bool:
    return len(np.unique(_floats(actual))) == 2
