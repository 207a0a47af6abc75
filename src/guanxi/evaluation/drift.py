"""How far customers, scores and source lie from what a model was trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from guanxi.evaluation.bins import by_chance, count_like, middle, population_stability_index

_FALSE_ALARM = 0.01  # over all columns together


def compare(
    profile: Mapping[str, Any],
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    horizons: float = 1.0,
    seen: Mapping[str, list[str] | None] | None = None,
) -> pd.DataFrame:
    """Compare features and scores with a training profile, column by column.

    An index is far off (``clear``) where it exceeds what the calendar usually does by more than chance would
    with a probability of 1 % over all columns.

    Parameters
    ----------
    profile : mapping
        From :mod:`.profile`.
    features, scores : pandas.DataFrame
        Of the new customers, with the columns of the profile.
    horizons : float
        Horizons from the training day to the new one. A steady movement makes the index grow with the square
        of its length, so that more than one horizon allows for that much more; less allows for one.
    seen : mapping of str to list of str or None, optional
        Of categories, the values in training.

    Returns
    -------
    pandas.DataFrame
        ``kind`` (feature, score)``, name, psi, by_chance`` (its mean without drift)``, usual`` (what the
        calendar moves)``, drift`` (the rest, from 0)``, clear, median_then, median, mean_then, mean``: NaN
        for categories.
    """
    seen = seen or {}
    allowed = max(1.0, horizons) ** 2
    columns = [
        (kind, name, column, rows[name])
        for kind, rows in (("score", scores), ("feature", features))
        for name, column in profile[f"{kind}s"].items()
    ]
    table = []
    for kind, name, column, values in columns:
        counts = count_like(values, column, seen.get(name))
        index = population_stability_index(column["counts"], counts)
        chance, most = by_chance(column["counts"], counts, _FALSE_ALARM / len(columns))
        usual = column["usual"] * allowed
        table.append(
            {
                "kind": kind,
                "name": name,
                "psi": index,
                "by_chance": chance,
                "usual": usual,
                "drift": max(0.0, index - chance - usual),
                "clear": index > usual + most,
                **_middles(column, values),
            }
        )
    return pd.DataFrame(table)


def clear_rise(share: float, of: int, share_then: float, of_then: int) -> bool:
    """Whether a share lies above another by more than chance would with a probability of 1 %."""
    pooled = (share * of + share_then * of_then) / (of + of_then)
    return share - share_then > 2.33 * math.sqrt(pooled * (1.0 - pooled) * (1.0 / of + 1.0 / of_then))


def _middles(column: Mapping[str, Any], values: Any) -> dict[str, float | None]:
    if "median" not in column:
        return {"median_then": None, "median": None, "mean_then": None, "mean": None}
    now = middle(values)
    return {
        "median_then": column["median"],
        "median": now["median"],
        "mean_then": column["mean"],
        "mean": now["mean"],
    }
