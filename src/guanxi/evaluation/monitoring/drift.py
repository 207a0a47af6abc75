"""Drift of customers, scores and source relative to the training data.

Shares of rejected lines and of unseen categories are dicts: ``name`` (``rejected``, or a column with
categories), ``share``, ``of`` (the denominator), ``who`` (what it counts), ``share_then, of_then`` (in
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
from guanxi.evaluation.monitoring._hashed_values import _other_values

REJECTED = "rejected"
_FALSE_ALARM = 0.01  # family-wise, over all columns and over all means
_FASTER = 1.25  # tolerance: training shows the usual change over a single horizon only


def compare_with_profile(
    profile: Mapping[str, Any],
    features: pd.DataFrame,
    scores: pd.DataFrame,
    *,
    horizons: float = 1.0,
    seen: Mapping[str, list[str] | None] | None = None,
) -> pd.DataFrame:
    """Compare features and scores with a training profile, column by column.

    The usual change within a horizon, as observed in training, is subtracted: under a steady trend the log
    mean changes in proportion to the elapsed time and the index in proportion to its square. Sampling
    variation is subtracted too: an index is ``clear`` if chance exceeds it with probability below 1 % over
    all columns; means are treated alike.

    Parameters
    ----------
    profile : mapping
        From :mod:`.profile`.
    features, scores : pandas.DataFrame
        Tables of the new customers, with the columns of the profile.
    horizons : float
        Horizons from the training day to the new one, at least one. A trend a quarter faster than in training
        is allowed for.
    seen : mapping of str to list of str or None, optional
        Training values of each category.

    Returns
    -------
    pandas.DataFrame
        ``kind`` (feature, score), ``name``, ``psi``, ``by_chance`` (its mean without drift), ``usual`` (usual
        change), ``drift`` (the rest, at least 0), ``clear``, ``mean_then, mean`` (NaN for categories),
        ``mean_drift`` (relative change of the mean beyond the usual; 0 if not clear).
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
    """Whether a share is significantly above an earlier one, at the 1 % level.

    Binomial test, with the earlier share from the rule of succession, so that it is never 0.
    """
    earlier = (share_then * of_then + 1.0) / (of_then + 2.0)
    found = round(share * of)
    return found > 0 and bool(bdtrc(found - 1, of, earlier) < _FALSE_ALARM)


def line_shares(
    log: TransactionLog, profile: Mapping[str, Any], trained: date, day: date, horizons: float
) -> list[dict[str, Any]]:
    """Shares of rejected lines, and of lines since training with a category or channel not seen in training.

    ``profile`` is from :func:`.profile.transaction_profile`; ``trained`` and ``day`` are the last day of
    training and of the new data. New categories accumulate, so the usual share is multiplied by ``horizons``.
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
    """Shares of customers with a category not seen in training.

    ``known``: each attribute's training categories, None for a number; ``profile`` is from
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
    if bool(now["mean"]) != bool(then["mean"]):  # one of the means is 0: the ratio is undefined
        return means | {"mean_drift": math.inf}
    ratio = abs(log_ratio(now["mean"], then["mean"])) - allowed * column["usual_ratio"]
    # For skewed scores a small sample's low mean comes with a low deviation: take the larger of the two.
    deviation = max(_relative_deviation(now), _relative_deviation(then))
    error = deviation * math.sqrt(1.0 / len(values) + 1.0 / sum(then["counts"]))
    return means | {"mean_drift": math.expm1(ratio) if ratio > errors * error else 0.0}


def _relative_deviation(described: Mapping[str, Any]) -> float:
    """Coefficient of variation; 0 if the mean is 0 or missing."""
    return float(described["deviation"] / abs(described["mean"])) if described["mean"] else 0.0
