"""Which features move the uplift, by SHAP contributions to it in probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.uplift._coded_features import Coded, Coding
from guanxi.decisions.uplift._learner_choice import Learned
from guanxi.decisions.uplift._meta_learners import CrossedTrees, SingleTrees, TreePair, with_arm
from guanxi.models.drivers import explain_any, explain_tree_sum

Floats = NDArray[np.float64]

_ROWS, _BACKGROUND = 1000, 50


def uplift_drivers(
    learned: Learned, coding: Coding, features: Coded, spread: float, seed: int
) -> pd.DataFrame:
    """Rank features by their mean absolute contribution to the calibrated uplift.

    Trees are explained exactly, as the difference of the contributions to both arms; logistic regressions by
    permutations of the features, since contributions to log odds do not add up to a difference of
    probabilities.

    Returns
    -------
    pandas.DataFrame
        ``feature, importance, most_at, contribution``, most important first.
    """
    rows = np.random.default_rng(seed).permutation(len(features.trees))[:_ROWS]
    sample = features.part(rows)
    scale = spread / float(learned.fitted.uplift(features).std())
    values = scale * _contributions(learned, coding, sample, seed)
    highest = [
        _highest(coding, place, sample.trees[:, place], values[:, place])
        for place in range(len(coding.names))
    ]
    table = pd.DataFrame(
        {
            "feature": coding.names,
            "importance": np.abs(values).mean(axis=0),
            "most_at": [each[0] for each in highest],
            "contribution": [each[1] for each in highest],
        }
    )
    return table.sort_values("importance", ascending=False, ignore_index=True)


def _contributions(learned: Learned, coding: Coding, sample: Coded, seed: int) -> Floats:
    """Contributions to the uplift, shape (n, n_features)."""
    fitted: Any = learned.fitted
    X, names = sample.trees, coding.names
    if isinstance(fitted, TreePair):
        return np.asarray(
            explain_tree_sum([(fitted.treated, X, 1.0), (fitted.control, X, -1.0)], names).values
        )
    if isinstance(fitted, CrossedTrees):
        share = fitted.treated_share
        terms = [(fitted.of_controls, X, share), (fitted.of_treated, X, 1.0 - share)]
        return np.asarray(explain_tree_sum(terms, names).values)
    if isinstance(fitted, SingleTrees):
        terms = [(fitted.both, with_arm(sample, arm), weight) for arm, weight in ((1, 1.0), (0, -1.0))]
        return np.asarray(explain_tree_sum(terms, [*names, "treated"]).values)[:, :-1]
    found = explain_any(
        lambda codes: fitted.uplift(coding.from_codes(codes)), X, X[:_BACKGROUND], names, seed
    )
    return np.asarray(found.values)


def _highest(coding: Coding, place: int, codes: Floats, values: Floats) -> tuple[str, float]:
    """Values of a feature with the highest mean contribution, and this mean."""
    levels = coding.features[place].levels
    if levels is not None:
        groups = {level: codes == code for code, level in enumerate(levels)}
    else:
        low, high = np.nanpercentile(codes, [25, 75]) if np.isfinite(codes).any() else (np.nan, np.nan)
        groups = {f"≤ {low:,.4g}": codes <= low, f"≥ {high:,.4g}": codes >= high}
    groups["–"] = np.isnan(codes)
    means = {name: float(values[rows].mean()) for name, rows in groups.items() if rows.any()}
    best = max(means, key=lambda name: means[name])
    return best, means[best]
