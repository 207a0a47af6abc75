"""Drivers of churn: exact SHAP values of the trees and the contribution of the purchase model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.served.scorer import PRIOR, Scorer

_SAMPLE_ROWS = 2000


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

    sample = features.sample(min(rows, len(features)), random_state=seed).sort_index()
    values = scorer.churn_contributions(sample, scorer.model.horizon_days)
    names = [name for name in values.columns if name not in ("base", PRIOR)]
    data = np.column_stack(
        [
            scorer.base("churn", sample, scorer.model.horizon_days),
            sample[names].to_numpy(dtype=np.float64, na_value=np.nan),
        ]
    )
    return shap.Explanation(
        values=values[[PRIOR, *names]].to_numpy(),
        base_values=values["base"].to_numpy(),
        data=data,
        feature_names=[PRIOR, *names],
    )
