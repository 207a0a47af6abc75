"""Matrix of value, loyalty and satisfaction, each high or low: eight cells, four without satisfaction.

Loyalty and satisfaction are the quadrants of Jones, T. O. and Sasser, W. E. (1995), Why satisfied customers
defect, Harvard Business Review 73(6); value and loyalty those of Reinartz, W. and Kumar, V. (2002), The
mismanagement of customer loyalty, Harvard Business Review 80(7).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from guanxi.segments._groups import cut_points

AXES = ("value", "loyalty", "satisfaction")

# Value and loyalty (high or low), satisfaction (high, low or unknown).
CELLS = (
    "high_high_high",
    "high_high_low",
    "high_low_high",
    "high_low_low",
    "low_high_high",
    "low_high_low",
    "low_low_high",
    "low_low_low",
    "high_high_unknown",
    "high_low_unknown",
    "low_high_unknown",
    "low_low_unknown",
)


def _axis_cut_points(scores: pd.DataFrame) -> dict[str, float]:
    """Cut each axis into halves as equal as ties allow.

    ``scores`` has one column for each axis present; NaN is unknown. Returns the cut point of each axis with
    at least two distinct scores; scores above it are high. Reuse them to compare other customers or periods.

    Examples
    --------
    >>> _axis_cut_points(pd.DataFrame({"value": [10.0, 20.0, 80.0, 90.0], "loyalty": [50.0] * 4}))
    {'value': 20.0}
    """
    found = {name: cut_points(scores[name], 2) for name in AXES if name in scores}
    return {name: float(cut[0]) for name, cut in found.items() if len(cut)}


def relationship_matrix(scores: pd.DataFrame, cuts: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Place each customer in the matrix of value, loyalty and satisfaction.

    Parameters
    ----------
    scores : pandas.DataFrame
        ``customer_id`` and the scores of the dimensions ``value, loyalty, satisfaction``; a column may be
        missing, NaN is unknown.
    cuts : mapping of str to float, optional
        Scores above are high; default: :func:`_axis_cut_points`. An axis without a cut point is unknown.

    Returns
    -------
    pandas.DataFrame
        ``customer_id``; ``value_level, loyalty_level, satisfaction_level`` (high, low or unknown);
        ``matrix_cell`` (one of ``CELLS``, missing where value or loyalty is unknown), in the order given.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": [1, 2], "value": [90.0, 10.0], "loyalty": [80.0, 20.0]})
    >>> relationship_matrix(scores)["matrix_cell"].tolist()
    ['high_high_unknown', 'low_low_unknown']
    """
    cuts = _axis_cut_points(scores) if cuts is None else cuts
    levels = {name: _level(scores, name, cuts.get(name)) for name in AXES}
    cell = levels["value"] + "_" + levels["loyalty"] + "_" + levels["satisfaction"]
    table = pd.DataFrame({f"{name}_level": level for name, level in levels.items()}, index=scores.index)
    table.insert(0, "customer_id", scores["customer_id"])
    table["matrix_cell"] = cell.where(cell.isin(CELLS), None)
    return table


def _level(scores: pd.DataFrame, name: str, cut: float | None) -> pd.Series[str]:
    if name not in scores or cut is None:
        return pd.Series("unknown", index=scores.index, dtype=object)
    values = scores[name].to_numpy(dtype=np.float64)
    words = np.select([np.isnan(values), values > cut], ["unknown", "high"], "low")
    return pd.Series(words.astype(object), index=scores.index)
