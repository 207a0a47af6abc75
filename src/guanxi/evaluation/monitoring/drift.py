"""How far customers, scores and source lie from what a model was trained on.

Shares of rejected lines and of unseen categories are dicts: ``name`` (``rejected``, or a column with
categories), ``share``, ``of`` (how many there are), ``who`` (what these are), ``share_then, of_then`` (in
training), ``example`` (an unseen category, or None).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
from scipy.special import bdtrc, ndtri

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation.monitoring._bins import (
    UNSEEN,
    by_chance,
    count_like,
    log_ratio,
    moments,
    population_stability_index,
)
from guanxi.evaluation.monitoring.profile import _other_values

REJECTED = "rejected"
_FALSE_ALARM = 0.01  # over all columns together, and over all means
_FASTER = 1.25  # training saw one horizon only: the next ones may move by a quarter more


def compare_with_profile(
    profile: Mapping[str, Any],
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    horizons: float = 1.0,
    seen: Mapping[str, list[str] | None] | None = None,
) -> pd.DataFrame:
    """Compare features and scores with a training profile, column by column.

    What the calendar moves within a horizon, as training saw it, is allowed for: a steady movement makes a
    mean grow with its length and the index with the square of it. Off by chance is allowed for too: an index
    is ``clear`` above what chance exceeds with a probability of 1 % over all columns; means alike.

    Parameters
    ----------
    profile : mapping
        From :mod:`.profile`.
    features, scores : pandas.DataFrame
        Of the new customers, with the columns of the profile.
    horizons : float
        Horizons from the training day to the new one; less than one allows for one. A movement by a quarter
        faster than training saw is allowed for as well.
    seen : mapping of str to list of str or None, optional
        Of categories, the values in training.

    Returns
    -------
    pandas.DataFrame
        ``kind`` (feature, score), ``name``, ``psi``, ``by_chance`` (its mean without drift), ``usual`` (what
        the calendar moves), ``drift`` (the rest, from 0), ``clear``, ``mean_then, mean`` (NaN for
        categories), ``mean_drift`` (relative change of the mean beyond the usual; 0 where it is not clear).
    """
    seen = seen or {}
    allowed = _FASTER * max(1.0, horizons)
    errors = -float(ndtri(_FALSE_ALARM / 2.0 / max(1, len(profile["scores"]))))
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
        usual = column["usual"] * allowed**2
        table.append(
            {
                "kind": kind,
                "name": name,
                "psi": index,
                "by_chance": chance,
                "usual": usual,
                "drift": max(0.0, index - chance - usual),
                "clear": index > usual + most,
                **_means(column, values, allowed, errors),
            }
        )
    return pd.DataFrame(table)


def _clear_rise(share: float, of: int, share_then: float, of_then: int) -> bool:
    """Whether a share lies above an earlier one by more than chance would with a probability of 1 %.

    Binomial, with the earlier share by the rule of succession, so that none so far is not none for ever.
    """
    earlier = (share_then * of_then + 1.0) / (of_then + 2.0)
    found = round(share * of)
    return found > 0 and bool(bdtrc(found - 1, of, earlier) < _FALSE_ALARM)


def line_shares(
    log: TransactionLog, profile: Mapping[str, Any], trained: date, day: date, horizons: float
) -> list[dict[str, Any]]:
    """Measure rejected lines, and lines since training with a category or channel that it had not seen.

    ``profile`` is from :func:`.profile.transaction_profile`; ``trained`` and ``day`` are the last day of
    training and the last that is looked at. New categories add up, so that several ``horizons`` between the
    two allow for so many times the usual share.
    """
    then = profile["lines"]
    rejected = log.lines_read - log.lines_accepted
    rows = [_row(REJECTED, "lines", rejected, log.lines_read, then["rejected"] / then["read"], then["read"])]
    for name, column in profile["categories"].items():
        if name not in log.lines.columns:
            continue
        other, lines, example = _other_values(log, name, column["values"], trained, day)
        if lines and column["lines"]:
            usual = min(1.0, column["usual"] * max(1.0, horizons))
            rows.append(_row(name, "lines since training", other, lines, usual, column["lines"], example))
    return rows


def unseen_shares(
    attributes: pd.DataFrame, known: Mapping[str, list[str] | None], profile: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Measure customers with a category that training had not seen.

    ``known``: each attribute's categories in training, None for a number; ``profile`` is from
    :func:`.profile.label_profile`.
    """
    rows = []
    for name, categories in known.items():
        if categories is None:
            continue
        counts = profile["features"][name]["counts"]
        given = attributes[name].dropna()
        unseen = given[~given.isin(categories)]
        example = str(unseen.iloc[0]) if len(unseen) else None
        usual, of_then = counts[UNSEEN] / sum(counts), sum(counts)
        rows.append(_row(name, "customers", len(unseen), len(attributes), usual, of_then, example))
    return rows


def _row(
    name: str, who: str, found: int, of: int, usual: float, of_then: int, example: str | None = None
) -> dict[str, Any]:
    now = {"name": name, "share": found / of, "of": of, "who": who}
    return now | {"share_then": usual, "of_then": of_then, "example": example}


def _means(column: Mapping[str, Any], values: Any, allowed: float, errors: float) -> dict[str, float | None]:
    if "mean" not in column:
        return dict.fromkeys(("mean_then", "mean", "mean_drift"))
    now, then = moments(values), column
    means = {"mean_then": then["mean"], "mean": now["mean"]}
    if bool(now["mean"]) != bool(then["mean"]):  # all nothing, or no more: no ratio tells how far
        return means | {"mean_drift": math.inf}
    ratio = abs(log_ratio(now["mean"], then["mean"])) - allowed * column["usual_ratio"]
    # Of skewed scores a small sample's low mean comes with a low deviation: the larger of the two serves.
    deviation = max(_relative_deviation(now), _relative_deviation(then))
    error = deviation * math.sqrt(1.0 / len(values) + 1.0 / sum(then["counts"]))
    return means | {"mean_drift": math.expm1(ratio) if ratio > errors * error else 0.0}


def _relative_deviation(described: Mapping[str, Any]) -> float:
    """Give the coefficient of variation, 0 where there is no mean to divide by."""
    return float(described["deviation"] / abs(described["mean"])) if described["mean"] else 0.0
