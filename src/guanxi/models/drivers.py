"""Drivers of churn: exact SHAP values of the trees and the contribution of the purchase model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.served.attribute_scorer import LabelScorer
from guanxi.served.contracts.scorer import ContractScorer
from guanxi.served.scorer import PRIOR, Scorer

_SAMPLE_ROWS = 2000


@dataclass(frozen=True)
class ChurnEffects:
    """The parts of a ``shap.Explanation`` of churn, without the import of shap, which takes two seconds."""

    values: NDArray[np.float64]
    base_values: NDArray[np.float64]
    data: NDArray[np.float64]
    feature_names: list[str]


def explain_churn(scorer: Scorer, features: pd.DataFrame, seed: int = 0, rows: int = _SAMPLE_ROWS) -> Any:
    """Explain the churn log odds of a sample of customers, feature by feature.

    Parameters
    ----------
    scorer : Scorer
    features : pandas.DataFrame
        Feature table.
    seed : int
        Seed of the sample.
    rows : int
        Maximum number of sampled customers.

    Returns
    -------
    shap.Explanation
        Values of shape (rows, features + 1), in log odds before calibration; the first column is the
        contribution of the purchase model. Base values and row sums add up to the log odds.

    References
    ----------
    Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI
    for trees, Nature Machine Intelligence 2.
    """
    import shap

    return shap.Explanation(**vars(churn_effects(scorer, features, seed, rows)))


def churn_effects(
    scorer: Scorer, features: pd.DataFrame, seed: int = 0, rows: int = _SAMPLE_ROWS
) -> ChurnEffects:
    """Return the parts of :func:`explain_churn`."""
    sample = features.sample(min(rows, len(features)), random_state=seed).sort_index()
    values = scorer.churn_contributions(sample, scorer.model.horizon_days)
    names = [name for name in values.columns if name not in ("base", PRIOR)]
    data = np.column_stack(
        [
            scorer.base("churn", sample, scorer.model.horizon_days),
            sample[names].to_numpy(dtype=np.float64, na_value=np.nan),
        ]
    )
    return ChurnEffects(
        values=values[[PRIOR, *names]].to_numpy(),
        base_values=values["base"].to_numpy(),
        data=data,
        feature_names=[PRIOR, *names],
    )


def explain_labels(
    scorer: LabelScorer, features: pd.DataFrame, seed: int = 0, rows: int = _SAMPLE_ROWS
) -> Any:
    """Explain the churn log odds of a sample of customers by their attributes.

    Parameters
    ----------
    scorer : LabelScorer
    features : pandas.DataFrame
        A column per attribute.
    seed : int
        Seed of the sample.
    rows : int
        Maximum number of sampled customers.

    Returns
    -------
    shap.Explanation
        Exact TreeSHAP values of shape (rows, attributes) in log odds; the data are the attributes, numbers or
        text. Base values and row sums add up to the log odds.

    References
    ----------
    Lundberg et al. (2020), as in :func:`explain_churn`.
    """
    import shap

    sample = features.sample(min(rows, len(features)), random_state=seed).sort_index()
    values = scorer.driver_effects(sample)
    return shap.Explanation(
        values=values.iloc[:, 1:].to_numpy(),
        base_values=values.iloc[:, 0].to_numpy(),
        data=sample[scorer.features].to_numpy(dtype=object),
        feature_names=scorer.features,
    )


def explain_contracts(
    scorer: ContractScorer, features: pd.DataFrame, seed: int = 0, rows: int = _SAMPLE_ROWS
) -> Any:
    """Explain the log odds of leaving at the next renewal, of a sample of customers under contract.

    Parameters and result as of :func:`explain_labels`; the features are those of the scorer.
    """
    import shap

    sample = features.sample(min(rows, len(features)), random_state=seed).sort_index()
    values = scorer.driver_effects(sample)
    names = [str(name) for name in values.columns[1:]]
    return shap.Explanation(
        values=values.iloc[:, 1:].to_numpy(),
        base_values=values.iloc[:, 0].to_numpy(),
        data=sample[names].to_numpy(dtype=object),
        feature_names=names,
    )


def explain_tree_sum(terms: Sequence[tuple[Any, NDArray[np.float64], float]], names: Sequence[str]) -> Any:
    """Explain a weighted sum of boosters on one additive scale, such as the difference of two arms.

    Parameters
    ----------
    terms : sequence of (lightgbm.Booster, array of shape (n, n_features), float)
        Booster, its rows and its weight.
    names : sequence of str
        Of the features.

    Returns
    -------
    shap.Explanation
        Exact TreeSHAP values of shape (n, n_features); base values and row sums add up to the weighted sum of
        the raw predictions.

    References
    ----------
    Lundberg et al. (2020), as in :func:`explain_churn`.
    """
    import shap

    total = np.sum(
        [weight * np.asarray(booster.predict(X, pred_contrib=True)) for booster, X, weight in terms], 0
    )
    return shap.Explanation(
        values=total[:, :-1], base_values=total[:, -1], data=terms[0][1], feature_names=list(names)
    )


def explain_any(
    predict: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    rows: NDArray[np.float64],
    background: NDArray[np.float64],
    names: Sequence[str],
    seed: int,
) -> Any:
    """Explain any prediction by permutations of the features, against rows of a background.

    Parameters
    ----------
    predict : callable
        Array of shape (n, n_features) to array of shape (n,).
    rows : array of shape (n, n_features)
    background : array of shape (m, n_features)
        An absent feature takes its values in these rows.
    names : sequence of str
    seed : int

    Returns
    -------
    shap.Explanation
        Values of shape (n, n_features); base values and row sums add up to the predictions.

    References
    ----------
    Štrumbelj, E. and Kononenko, I. (2014), Explaining prediction models and individual predictions with
    feature contributions, Knowledge and Information Systems 41.
    """
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.explainers.Permutation(predict, masker, feature_names=list(names), seed=seed)
    return explainer(rows, max_evals=4 * rows.shape[1] + 2, silent=True)
