"""What customers' repeated answers say of them, and how much of it is noise."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guanxi.errors import DataError

_FEWEST_TO_POOL = 100  # customers
_SCALES = {"csat": (1.0, 5.0), "nps": (0.0, 10.0), "ces": (1.0, 7.0), "servqual": (1.0, 7.0)}
_NAMES = {"csat": "csat", "nps": "nps_score", "ces": "ces", "servqual": "servqual_gap"}


def error_variance(answers: pd.DataFrame) -> pd.DataFrame:
    """Mean answer of each customer, and the variance of its noise.

    Noise is what a customer's answers differ by among themselves. Its variance is pooled over the customers
    with as many answers (one-way analysis of variance; Searle, Casella & McCulloch 1992, Variance Components,
    section 3.5), since who stays longer has answered more often and may answer otherwise; those with one
    answer take that of those with two. Noise must be independent between answers.

    Parameters
    ----------
    answers : DataFrame
        ``customer_id, value``, a row per answer.

    Returns
    -------
    DataFrame
        ``customer_id, value`` (the mean), ``answers, error_variance``.

    Raises
    ------
    DataError
        If nobody has answered twice.

    Examples
    --------
    >>> answers = pd.DataFrame({"customer_id": ["a", "a", "b", "b", "c"], "value": [1, 3, 2, 2, 5]})
    >>> error_variance(answers)["error_variance"].tolist()
    [0.5, 0.5, 1.0]
    """
    table = answers.groupby("customer_id")["value"].agg(value="mean", answers="count", spread="var")
    repeated = table[table["answers"] > 1]
    if repeated.empty:
        raise DataError("nobody has answered twice, and one answer does not show how much of it is noise")
    degrees = repeated["answers"] - 1
    pooled = float((repeated["spread"] * degrees).sum() / degrees.sum())
    by_count = repeated.groupby("answers")["spread"].agg(["mean", "size"])
    by_count = by_count.loc[by_count["size"] >= _FEWEST_TO_POOL, "mean"]
    variance = table["answers"].clip(lower=2).map(by_count).fillna(pooled)
    table["error_variance"] = variance / table["answers"]
    return table.drop(columns="spread").reset_index()


def survey_measures(surveys: pd.DataFrame, cutoff: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mean answers of each customer up to and including the cutoff day, and the variances of their noise.

    Unlike indicators that are shrunk towards everybody's mean where answers are few, these are plain means:
    what takes the noise out later needs them so.

    Parameters
    ----------
    surveys : DataFrame
        ``customer_id, timestamp, instrument, score``, where known ``scale_low, scale_high``, and for SERVQUAL
        ``expectation``; the dimensions that a customer rates at one moment are one answer.
    cutoff : date
        No later row is used.

    Returns
    -------
    DataFrame, DataFrame
        Both ``customer_id`` and those of ``csat, ces`` (0 to 1), ``nps_score`` (0 to 10), ``servqual_gap``
        (share of the scale) that were asked; NaN: not answered. An instrument that nobody answered twice is
        taken as it is, with a variance of 0.
    """
    past = surveys[surveys["timestamp"] < pd.Timestamp(cutoff) + pd.Timedelta(days=1)]
    values: dict[str, Any] = {}
    variances: dict[str, Any] = {}
    for instrument, name in _NAMES.items():
        answers = _answers(past[past["instrument"] == instrument], instrument)
        if answers.empty:
            continue
        if answers["customer_id"].is_unique:
            measured = answers.assign(error_variance=0.0).set_index("customer_id")
        else:
            measured = error_variance(answers).set_index("customer_id")
        values[name], variances[name] = measured["value"], measured["error_variance"]
    return _table(values), _table(variances)


def _answers(rows: pd.DataFrame, instrument: str) -> pd.DataFrame:
    low, high = (
        rows[column].fillna(usual) if column in rows else usual
        for column, usual in zip(("scale_low", "scale_high"), _SCALES[instrument], strict=True)
    )
    if instrument == "servqual":
        expected = rows.get("expectation", np.nan)
        value = (rows["score"] - expected) / (high - low)
    else:
        value = (rows["score"] - low) / (high - low) * (10.0 if instrument == "nps" else 1.0)
    answers = rows[["customer_id", "timestamp"]].assign(value=value).dropna(subset="value")
    if instrument == "servqual":
        return answers.groupby(["customer_id", "timestamp"], as_index=False).agg(value=("value", "mean"))
    return answers


def _table(columns: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(columns).rename_axis("customer_id").reset_index()
