"""What moves churn: exact SHAP values of the trees beside the purchase model's part."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from guanxi.models.scoring import PRIOR, Scorer

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
        Customers to sample at most.

    Returns
    -------
    shap.Explanation
        Values of shape (rows, features + 1), in log odds before calibration; the first column is the
        purchase model's part. Base values and row sums add up to the log odds.

    References
    ----------
    Lundberg, S. M. et al. (2020), From local explanations to global understanding with explainable AI
    for trees, Nature Machine Intelligence 2.
    """
    import shap

    sample = features.sample(min(rows, len(features)), random_state=seed).sort_index()
    horizon = scorer.model["horizon_days"]
    prior = scorer.log_odds_prior(sample, horizon)
    base = scorer.prior_base(horizon)
    churn = scorer.model["churn"]
    names = list(churn["features"]) if churn else []
    data = sample[names].to_numpy(dtype=np.float64)
    values = np.empty((len(sample), len(names) + 1))
    values[:, 0] = prior - base
    base_values = np.full(len(sample), base)
    if churn:
        contributions = scorer.tree_contributions(sample)
        values[:, 1:] = contributions[:, :-1]
        base_values += contributions[:, -1]
    return shap.Explanation(
        values=values,
        base_values=base_values,
        data=np.column_stack([prior, data]),
        feature_names=[PRIOR, *names],
    )
