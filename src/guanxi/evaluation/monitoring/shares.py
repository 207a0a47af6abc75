"""Shares of rejected lines and of categories that training had not seen, beside what is usual.

Each is a dict: ``name`` (``rejected``, or a column with categories), ``share``, ``of`` (how many there are),
``who`` (what these are), ``share_then, of_then`` (in training), ``example`` (an unseen category, or None).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.evaluation.monitoring.bins import UNSEEN
from guanxi.evaluation.monitoring.profile import other_values

REJECTED = "rejected"


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
        other, lines, example = other_values(log, name, column["values"], trained, day)
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
