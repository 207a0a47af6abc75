"""Record of a scorecard for experiment tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guanxi.params import Params
from guanxi.scorecard._result import ScorecardResult
from guanxi.scorecard.report._content import report_content
from guanxi.scorecard.report._pictures import drawings
from guanxi.scorecard.report._result_files import documents


@dataclass(frozen=True)
class RunRecord:
    """Settings, metrics (None: unknown), and by file name documents and plot functions."""

    settings: Mapping[str, Any]
    metrics: Mapping[str, float | None]
    documents: Mapping[str, Mapping[str, Any]]
    figures: Mapping[str, Callable[[], Any]]


def run_record(found: ScorecardResult, params: Params) -> RunRecord:
    """Collect the record of a scorecard."""
    options = params.scorecard
    settings = {
        "weights.method": options.weights.method,
        "weights.data": options.weights.data or "none",
        "weights.match": options.weights.match or "none",
        "normalisation": options.normalisation,
        "method": options.method,
        "tiers.method": options.tiers.method,
        "draws": options.draws,
    }
    drawn = drawings(report_content(found, params, found.history))
    figures = {f"{name}.png": draw for name, draw in drawn.items()}
    return RunRecord(settings, _metrics(found), documents(found.relationship, params), figures)


def _metrics(found: ScorecardResult) -> dict[str, float | None]:
    scored = found.relationship
    card, consistency = scored.card.table, scored.weighting.consistency
    metrics: dict[str, float | None] = {
        "customers": float(len(card)),
        "score_mean": float(card["score"].mean()),
        "known_weight_mean": float(card["known_weight"].mean()),
        **{f"tier_{name}": float(count) for name, count in card["tier"].value_counts().items()},
    }
    if scored.stability is not None:
        kept = pd.Series(scored.stability.kept)
        metrics["tier_kept_mean"] = float(kept.mean())
        metrics["tier_kept_sure"] = float((kept.dropna() >= 0.9).mean())
    if consistency is not None and len(consistency):
        metrics["consistency_ratio_largest"] = float(consistency["consistency_ratio"].max())
    for row in found.agreement.dropna(subset="tau").to_dict("records"):
        metrics[f"tau.{row['first']}.{row['second']}".replace(" ", "_")] = float(row["tau"])
    return metrics
