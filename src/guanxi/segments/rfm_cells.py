"""RFM cells: recency, frequency and monetary value in five scores each, with the usual segment names.

Hughes, A. M. (1994), Strategic Database Marketing, divides customers into quintiles of each. The eleven names
and their ranges of recency and the mean of frequency and money are Putler's ("RFM analysis for successful
customer segmentation", putler.com). These ranges overlap; ``GRID`` is one consistent choice.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.segments._groups import cut_points

SCORES = 5
MEASURES = ("recency", "frequency", "monetary")

# By recency score: segments for mean scores of frequency and money of 1, 2, 3, 4, 5.
GRID: dict[int, tuple[str, ...]] = {
    5: ("new", "potential_loyalists", "loyal", "champions", "champions"),
    4: ("promising", "potential_loyalists", "loyal", "champions", "champions"),
    3: ("promising", "needing_attention", "needing_attention", "loyal", "loyal"),
    2: ("about_to_sleep", "about_to_sleep", "at_risk", "at_risk", "at_risk"),
    1: ("lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
}


def rfm_cells(customers: pd.DataFrame) -> pd.DataFrame:
    """Score recency, frequency and monetary value from 1 to 5, and name the segment.

    Scores are quintiles (:func:`guanxi.segments._groups.cut_points`): ties have the same score, and fewer
    than five distinct values are spread over 1 to 5. The mean of frequency and money is rounded half down.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id``; ``T, recency`` (days); ``frequency`` (repeat purchases); ``revenue`` (amount to
        date). NaN for a customer without purchase.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, recency_score, frequency_score, monetary_score`` (1 to 5, 5 is best), ``rfm_cell``
        (such as "555") and ``rfm_segment`` (as in ``GRID``), in the order given; missing if a score is.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"customer_id": list("abc"), "T": [90.0] * 3, "recency": [90.0, 50.0, 0.0],
    ...      "frequency": [8.0, 2.0, 0.0], "revenue": [900.0, 100.0, 20.0]}
    ... )
    >>> rfm_cells(customers)["rfm_segment"].tolist()
    ['champions', 'needing_attention', 'lost']
    """
    measures = {
        "recency": customers["recency"] - customers["T"],
        "frequency": customers["frequency"],
        "monetary": customers["revenue"],
    }
    scores = np.column_stack([quintile_scores(measures[name]) for name in MEASURES])
    known = (scores > 0).all(axis=1)
    names = np.array([GRID[recency] for recency in range(1, SCORES + 1)], dtype=object)
    segment = np.full(len(customers), None, dtype=object)
    cell = np.full(len(customers), None, dtype=object)
    recency, frequency, monetary = scores[known].T
    segment[known] = names[recency - 1, (frequency + monetary) // 2 - 1]
    cell[known] = (100 * recency + 10 * frequency + monetary).astype(str).astype(object)
    columns = {f"{name}_score": _nullable(scores[:, place]) for place, name in enumerate(MEASURES)}
    table = pd.DataFrame(columns | {"rfm_cell": cell, "rfm_segment": segment}, index=customers.index)
    table.insert(0, "customer_id", customers["customer_id"])
    return table


def quintile_scores(values: pd.Series[float]) -> NDArray[np.int64]:
    """Score values from 1 to 5 by quintiles; 0 where the value is unknown."""
    given = values.to_numpy(dtype=np.float64)
    cuts = cut_points(given, SCORES)
    place = np.searchsorted(cuts, given, side="left")
    if len(cuts):
        spread = np.rint(np.linspace(1, SCORES, len(cuts) + 1)).astype(np.int64)
    else:
        spread = np.array([(SCORES + 1) // 2])
    return np.where(np.isnan(given), 0, spread[np.minimum(place, len(cuts))])


def _nullable(scores: NDArray[np.int64]) -> pd.api.extensions.ExtensionArray:
    return pd.array(np.where(scores > 0, scores, np.nan), dtype="Int64")
