"""From measures to a verdict: a model is fit for use, to be watched, or to be trained again.

The limits are conventions (``monitor`` in ``params.yaml``), not laws. Features alone give at most ``watch``:
customers who moved need not make a model wrong, nor need scores of another shape with the same mean. Scores
whose mean moved, a fallen AUC, or a total that strays further than was to be expected give ``retrain``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pandas as pd

from guanxi.evaluation.monitoring.drift import REJECTED, _clear_rise
from guanxi.params import MonitorParams

Measures = Mapping[tuple[str, str], Mapping[str, Any]]


class Verdict(IntEnum):
    """Verdicts in the order of their weight."""

    ok = 0
    watch = 1
    retrain = 2


@dataclass(frozen=True)
class Reason:
    """One line that says why."""

    verdict: Verdict
    text: str


def worst_verdict(reasons: Iterable[Reason]) -> Verdict:
    """Give the gravest verdict; ``ok`` if there is no reason."""
    return max((reason.verdict for reason in reasons), default=Verdict.ok)


def sort_reasons(reasons: Iterable[Reason]) -> list[Reason]:
    """Put the gravest reasons first."""
    return sorted(reasons, key=lambda reason: -reason.verdict)


def assess_drift(drift: pd.DataFrame, limits: MonitorParams) -> list[Reason]:
    """Assess the comparison of :func:`.drift.compare_with_profile`: scores one by one, features together."""
    rows: list[dict[Any, Any]] = drift[drift["kind"] == "score"].to_dict("records")
    reasons = [reason for row in rows if (reason := _assess_score(row, limits)).verdict > Verdict.ok]
    far = drift[drift["clear"] & (drift["drift"] >= limits.psi_watch)]
    features = far[far["kind"] == "feature"].sort_values("drift", ascending=False)
    if len(features):
        named = ", ".join(
            f"{name} by {by:.2f}" for name, by in features[["name", "drift"]].head(3).itertuples(index=False)
        )
        several = f"{len(features)} of {(drift['kind'] == 'feature').sum()} features"
        reasons.append(Reason(Verdict.watch, f"{several} drifted beyond chance and calendar: {named}"))
    return reasons


def _assess_score(row: Mapping[str, Any], limits: MonitorParams) -> Reason:
    index, mean = row["drift"] if row["clear"] else 0.0, row["mean_drift"]
    verdict = Verdict.ok
    if index >= limits.psi_watch or mean >= limits.mean_watch:
        verdict = Verdict.watch
    far = index >= limits.psi_retrain and mean >= limits.mean_watch
    if far or mean >= limits.mean_retrain:
        verdict = Verdict.retrain
    moved = f"mean {row['mean_then']:,.4g} to {row['mean']:,.4g}, PSI {row['psi']:.2f}"
    return Reason(
        verdict,
        f"{row['name']} drifted beyond chance and calendar ({moved}): mean by a factor of {1.0 + mean:.2f}, "
        f"PSI by {index:.2f}",
    )


def assess_shares(shares: Iterable[Mapping[str, Any]], limits: MonitorParams) -> list[Reason]:
    """Assess the shares of :func:`.drift.line_shares` and :func:`.drift.unseen_shares`."""
    reasons = []
    for row in shares:
        rejected = row["name"] == REJECTED
        rise = row["share"] - row["share_then"]
        if rise < (limits.rejected_rise if rejected else limits.unseen_rise):
            continue
        if not _clear_rise(row["share"], row["of"], row["share_then"], row["of_then"]):
            continue
        what = (
            "of all lines were rejected: look at the source with guanxi validate"
            if rejected
            else f"of the {row['who']} have a {row['name']} that it had not seen, such as {row['example']!r}"
        )
        reasons.append(Reason(Verdict.watch, f"{row['share']:.1%} {what} (usual: {row['share_then']:.1%})"))
    return reasons


def _assess_bias(bias: Mapping[str, Any], totals: Mapping[str, float] | None, limit: float) -> list[Reason]:
    """Assess the bias of the total purchases: predicted over actual total, less 1, with its interval.

    ``totals``: how far, relative to the forecast, the actual total may lie by what training saw; None: not
    known. ``limit``: the nearest end of the interval that is still no bias.
    """
    value = bias["value"]
    if value is None:
        return [Reason(Verdict.retrain, "nobody bought in the window that was forecast")]
    if bias["lower"] <= limit and bias["upper"] >= -limit:
        return []
    text = f"the total of purchases was forecast {abs(value):.0%} too {'high' if value > 0 else 'low'}"
    if totals is None:
        return [Reason(Verdict.watch, text)]
    came = 1.0 / (1.0 + value) - 1.0 if value > -1.0 else math.inf
    within = totals["lower"] <= came <= totals["upper"]
    seen = (
        f"{came:+.0%} came, beside the forecast, {'within' if within else 'outside of'} the "
        f"{totals['lower']:+.0%} to {totals['upper']:+.0%} that earlier windows let expect"
    )
    return [Reason(Verdict.watch if within else Verdict.retrain, f"{text} ({seen})")]


def _assess_ranking(now: Mapping[str, Any], then: Mapping[str, Any], limit: float) -> list[Reason]:
    """Tell a fall of the AUC of churn beyond both intervals."""
    if not _clearly_above(then, now, limit):
        return []
    text = f"churners are found less well: AUC {_with_interval(now)}, in training {_with_interval(then)}"
    return [Reason(Verdict.retrain, text)]


def _assess_calibration(now: Mapping[str, Any], then: Mapping[str, Any], limit: float) -> list[Reason]:
    """Tell a rise of the calibration error of churn beyond both intervals."""
    if not _clearly_above(now, then, limit):
        return []
    text = "churn probabilities are less well calibrated: error "
    return [Reason(Verdict.watch, f"{text}{_with_interval(now)}, in training {_with_interval(then)}")]


def assess_realised_performance(
    now: Sequence[Mapping[str, Any]],
    then: Sequence[Mapping[str, Any]],
    totals: Mapping[str, float] | None,
    limits: MonitorParams,
) -> list[Reason]:
    """Assess measures of realised performance against those of training; without these, nothing."""
    if not then:
        return []
    new, old = index_measures(now), index_measures(then)
    auc, ece = ("churn", "auc"), ("churn", "ece")
    return [
        *_assess_ranking(new[auc], old[auc], limits.auc_fall),
        *_assess_bias(new["purchases", "bias"], totals, limits.bias),
        *_assess_calibration(new[ece], old[ece], limits.calibration_rise),
    ]


def index_measures(rows: Sequence[Mapping[str, Any]]) -> Measures:
    """Find measures by target and metric."""
    return {(row["target"], row["metric"]): row for row in rows}


def _with_interval(measure: Mapping[str, Any]) -> str:
    return f"{measure['value']:.3f} ({measure['lower']:.3f} to {measure['upper']:.3f})"


def _clearly_above(high: Mapping[str, Any], low: Mapping[str, Any], limit: float) -> bool:
    """Whether one measure lies above another by the limit at least, and beyond both intervals."""
    if high["value"] is None or low["value"] is None or high["value"] - low["value"] < limit:
        return False
    noise = math.hypot(high["value"] - high["lower"], low["upper"] - low["value"])
    return bool(high["value"] - low["value"] > noise)
