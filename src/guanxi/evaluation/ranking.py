"""How well scores of customers rank what the customers did afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from guanxi.errors import DataError
from guanxi.evaluation.metrics import auc, spearman


def rank_outcomes(
    scores: pd.DataFrame, realised: pd.DataFrame, names: Sequence[str], value: str = "margin"
) -> pd.DataFrame:
    """Compare scores, each higher for the better customer, by the outcomes they rank.

    Parameters
    ----------
    scores : DataFrame
        ``customer_id`` and the named scores.
    realised : DataFrame
        ``customer_id, churned`` and ``value``, as of the window after the scores were made.
    names : sequence of str
        Scores. Customers without one (NaN) are left out of its row.
    value : str
        Column of ``realised``.

    Returns
    -------
    DataFrame
        ``score``; ``value_spearman``: rank correlation with the value; ``churn_auc``: probability that who
        churned has the lower score of two; ``churn_spearman``: rank correlation with staying; ``n``.

    Raises
    ------
    DataError
        If no customer has both.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": [1, 2, 3], "score": [10.0, 50.0, 90.0]})
    >>> realised = pd.DataFrame({"customer_id": [1, 2, 3], "margin": [0, 5, 9], "churned": [1, 0, 0]})
    >>> rank_outcomes(scores, realised, ["score"])[["value_spearman", "churn_auc"]].to_numpy().tolist()
    [[1.0, 1.0]]
    """
    table = realised.merge(scores[["customer_id", *names]], on="customer_id", validate="one_to_one")
    rows = []
    for name in names:
        known = table[table[name].notna()]
        if known.empty:
            raise DataError(f"no customer has both {name} and an outcome: are they of the same customers?")
        score, churned = known[name].to_numpy(dtype=float), known["churned"].to_numpy(dtype=float)
        rows.append(
            {
                "score": name,
                "value_spearman": spearman(known[value], score),
                "churn_auc": auc(churned, -score),
                "churn_spearman": spearman(1.0 - churned, score),
                "n": len(known),
            }
        )
    return pd.DataFrame(rows)
