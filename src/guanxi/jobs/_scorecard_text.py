"""What ``guanxi scorecard`` prints."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from guanxi.scorecard.findings import ScorecardResult
from guanxi.scorecard.scoring.tiers import TIERS


def summary_text(found: ScorecardResult, folder: Path) -> str:
    """Tell tiers, weights, what is worth knowing, and where the results are."""
    customers = found.customers
    mean = customers["score"].mean()
    lines = [f"{len(customers):,} customers as of {found.as_of}: mean score {mean:.1f}", ""]
    value = customers["clv"].sum()
    lines.append(f"  {'tier':<8} {'customers':>10} {'score':>7} {'value':>7} {'churn':>7}")
    for tier in TIERS:
        rows = customers[customers["tier"] == tier]
        if len(rows):
            share = rows["clv"].sum() / value if value > 0 else float("nan")
            lines.append(
                f"  {tier:<8} {len(rows):>10,} {rows['score'].mean():>7.1f} {share:>7.0%} "
                f"{rows['churn_probability'].mean():>7.0%}"
            )
    lines += ["", *_weights(found), *_stability(found), *_moves(found), *_targets(found)]
    if found.notes:
        lines += ["", "To know:", *(f"  - {note}" for note in found.notes)]
    return "\n".join([*lines, "", f"Results: {folder}/scorecard.parquet, .csv, .html and more"])


def alarms(found: ScorecardResult, on: str) -> list[str]:
    """Name the indicators at their warning, or of nobody known; with ``target`` those that miss it too."""
    verdicts = ("warning", "unknown", *(("missed",) if on == "target" else ()))
    return [str(name) for name in found.targets.loc[found.targets["verdict"].isin(verdicts), "indicator"]]


def _weights(found: ScorecardResult) -> list[str]:
    weighing = found.relationship.weighting
    shares: dict[str, float] = {}
    for name, weight in weighing.weights.items():
        shares[weighing.dimensions[name]] = shares.get(weighing.dimensions[name], 0.0) + weight
    return ["Weights: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items())]


def _stability(found: ScorecardResult) -> list[str]:
    stability = found.relationship.stability
    if stability is None:
        return []
    kept = pd.Series(stability.kept).dropna()
    return [
        f"Stability: in {stability.draws:,} draws of the weights {(kept >= 0.9).mean():.0%} of customers "
        f"keep their tier nine times of ten or more; on average {kept.mean():.0%}"
    ]


def _moves(found: ScorecardResult) -> list[str]:
    if found.history is None:
        return []
    latest, day = found.history.latest, found.history.days[-2]
    return [f"Since {day}: {latest.moved:,} customers changed their tier"]


def _targets(found: ScorecardResult) -> list[str]:
    return [
        f"Target {row['indicator']}: {row['value']:.4g} against {row['target']:.4g}, {row['verdict']}"
        if row["known"]
        else f"Target {row['indicator']}: known of nobody"
        for row in found.targets.to_dict("records")
    ]
