"""Verdict on a monitored model: ok, watch or retrain.

The limits are conventions (``monitor`` in ``params.yaml``). Features alone give at most ``watch``: a changed
customer base need not invalidate a model, nor need a change in the shape of the scores at the same mean. A
changed mean score, a fall of the AUC, or a total outside its expected range give ``retrain``.
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
from guanxi.served.ordering import falling

Measures = Mapping[tuple[str, str], Mapping[str, Any]]


class Verdict(IntEnum):
    """Verdicts by increasing severity."""

    ok = 0
    watch = 1
    retrain = 2


@dataclass(frozen=True)
class Reason:
    """A one-line reason for a verdict."""

    verdict: Verdict
    text: str


def worst_verdict(reasons: Iterable[Reason]) -> Verdict:
    """Return the most severe verdict; ``ok`` if there is no reason."""
    return max((reason.verdict for reason in reasons), default=Verdict.ok)


def sort_reasons(reasons: Iterable[Reason]) -> list[Reason]:
    """Sort reasons by decreasing severity."""
    return sorted(reasons, key=lambda reason: -reason.verdict)


def assess_drift(drift: pd.DataFrame, limits: MonitorParams) -> list[Reason]:
    """Assess the result of :func:`.drift.compare_with_profile`: each score, and the features together."""
    rows: list[dict[Any, Any]] = drift[drift["kind"] == "score"].to_dict("records")
    reasons = [reason for row in rows if (reason := _assess_score(row, limits)).verdict > Verdict.ok]
    far = drift[drift["clear"] & (drift["drift"] >= limits.psi_watch)]
    features = far[far["kind"] == "feature"]
    features = features.iloc[falling(features["drift"])]
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
            else f"of the {row['who']} have a {row['name']} not seen in training, such as {row['example']!r}"
        )
        reasons.append(Reason(Verdict.watch, f"{row['share']:.1%} {what} (usual: {row['share_then']:.1%})"))
    return reasons


def _assess_bias(bias: Mapping[str, Any], totals: Mapping[str, float] | None, limit: float) -> list[Reason]:
    """Assess the bias of the total purchases: predicted over actual total minus 1, with its interval.

    ``totals``: interval of the actual total relative to the forecast, as estimated in training, or None.
    ``limit``: the interval must lie beyond this bias, in either direction, to count.
    """
    value = bias["value"]
    if value is None:
        return [Reason(Verdict.retrain, "no customer bought in the forecast window")]
    if bias["lower"] <= limit and bias["upper"] >= -limit:
        return []
    text = f"the total of purchases was forecast {abs(value):.0%} too {'high' if value > 0 else 'low'}"
    if totals is None:
        return [Reason(Verdict.watch, text)]
    error = 1.0 / (1.0 + value) - 1.0 if value > -1.0 else math.inf
    within = totals["lower"] <= error <= totals["upper"]
    comparison = (
        f"actual {error:+.0%} relative to the forecast, {'within' if within else 'outside'} the "
        f"{totals['lower']:+.0%} to {totals['upper']:+.0%} expected from earlier windows"
    )
    return [Reason(Verdict.watch if within else Verdict.retrain, f"{text} ({comparison})")]


def _assess_ranking(now: Mapping[str, Any], then: Mapping[str, Any], limit: float) -> list[Reason]:
    """Report a significant fall of the AUC of churn."""
    if not _clearly_above(then, now, limit):
        return []
    text = f"churners are ranked less well: AUC {_with_interval(now)}, in training {_with_interval(then)}"
    return [Reason(Verdict.retrain, text)]


def _assess_calibration(now: Mapping[str, Any], then: Mapping[str, Any], limit: float) -> list[Reason]:
    """Report a significant rise of the calibration error of churn."""
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
    """Compare realised performance with that of training; no reasons if the latter is missing."""
    if not then:
        return []
    new, old = index_measures(now), index_measures(then)
    auc, ece, bias = ("churn", "auc"), ("churn", "ece"), ("purchases", "bias")
    return [
        *_assess_ranking(new[auc], old[auc], limits.auc_fall),
        *(_assess_bias(new[bias], totals, limits.bias) if bias in new else []),
        *_assess_calibration(new[ece], old[ece], limits.calibration_rise),
    ]


def index_measures(rows: Sequence[Mapping[str, Any]]) -> Measures:
    """Index measures by target and metric."""
    return {(row["target"], row["metric"]): row for row in rows}


def _with_interval(measure: Mapping[str, Any]) -> str:
    return f"{measure['value']:.3f} ({measure['lower']:.3f} to {measure['upper']:.3f})"


def _clearly_above(high: Mapping[str, Any], low: Mapping[str, Any], limit: float) -> bool:
    """Whether one measure exceeds another by at least the limit and by more than their sampling error."""
    if high["value"] is None or low["value"] is None or high["value"] - low["value"] < limit:
        return False
    noise = math.hypot(high["value"] - high["lower"], low["upper"] - low["value"])
    return bool(high["value"] - low["value"] > noise)
