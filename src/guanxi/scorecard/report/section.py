"""The section of the page on the relationship scorecard, ready for the template."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.scorecard.report import summaries as summaries
from guanxi.scorecard.report.page_words import page_words
from guanxi.scorecard.report.pictures import pictures
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from guanxi.scorecard.report.content import ScorecardReport

_SURE = 0.9  # of the draws; who keeps the tier in so many is sure of it


def section(content: ScorecardReport, language: Language) -> dict[str, Any]:
    """Gather what the template of the section shows.

    Raises
    ------
    DataError
        If a table lacks a column.
    """
    content.check()
    t = page_words(language)
    known = content.table["score"].notna()
    used = content.weights[content.weights["weight"] > 0]
    note = t["scorecard_note"].format(
        indicators=len(used),
        dimensions=used["dimension"].nunique(),
        customers=number(known.sum()),
        score=number(content.table["score"].mean(), 1),
    )
    unknown = t["scorecard_unknown"].format(count=number((~known).sum()))
    return {
        "note": note if known.all() else f"{note} {unknown}",
        "notices": list(content.notes),
        "tiers": tier_rows(content.table, language),
        "stability": stability(content.kept, content.draws, language),
        "pictures": pictures(content, language),
        "method": t["weights_note"].format(method=content.method) if content.method else "",
        "consistency": content.consistency_text(language),
        "methods": content.methods,
        "weights": weight_rows(content, language),
    }


def tier_rows(table: pd.DataFrame, language: Language) -> list[dict[str, str]]:
    """Sum the tiers up for a table."""
    t = page_words(language)
    return [
        {
            "tier": t["tier_unknown"] if tier == summaries.NO_TIER else t.get(f"tier_{tier}", str(tier)),
            "customers": number(row["customers"]),
            "share": percent(row["share"]),
            "score": number(row["score"], 1),
            "value": number(row["value"]),
            "value_share": percent(row["value_share"]),
            "churn": percent(row["churn"]),
        }
        for tier, row in summaries.by_tier(table).iterrows()
    ]


def weight_rows(content: ScorecardReport, language: Language) -> list[dict[str, Any]]:
    """Weights by dimension, the heaviest first, and within it by indicator."""
    return [
        {
            "indicator": content.label(str(row["indicator"]), language),
            "dimension": content.label(str(row["dimension"]), language),
            "weight": percent(row["weight"], 1),
            "own": [percent(row[name], 1) for name in content.methods],
        }
        for row in content.ordered_weights().to_dict("records")
    ]


def stability(kept: ArrayLike | None, draws: int, language: Language) -> str:
    """Say how surely customers keep their tier when the weights vary; nothing where that was not tried.

    Examples
    --------
    >>> stability([1.0, 0.5], 1000, "en").split(":")[0]
    'Stability'
    """
    shares = np.asarray([] if kept is None else kept, dtype=float)
    shares = shares[~np.isnan(shares)]
    if not len(shares):
        return ""
    return page_words(language)["stability_text"].format(
        draws=number(draws),
        mean=percent(float(shares.mean())),
        sure=percent(float((shares >= _SURE).mean())),
        level=percent(_SURE),
    )
