"""What ``guanxi monitor`` prints."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from guanxi.evaluation.monitoring.drift import REJECTED
from guanxi.evaluation.monitoring.verdict import index_measures
from guanxi.jobs._realised import RealisedPerformance
from guanxi.jobs.monitor import Monitoring

_FEATURES_SHOWN = 5
_MEASURES = {
    ("churn", "auc"): ("churn AUC", ".3f"),
    ("churn", "log_loss"): ("churn log loss", ".3f"),
    ("churn", "ece"): ("churn calibration error", ".3f"),
    ("churn", "bias"): ("churn bias", "+.1%"),
    ("purchases", "bias"): ("purchases bias", "+.1%"),
    ("spend", "bias"): ("spend bias", "+.1%"),
}


def summary_text(found: Monitoring) -> str:
    """Report drift, realised performance, and the verdict with its reasons."""
    facts = found.facts
    day = f" up to {facts['as_of']}" if facts["as_of"] else ""
    trained = f" up to {facts['trained_until']}" if facts["trained_until"] else ""
    return "\n".join(
        [
            f"\n{facts['model']} (version {facts['model_version']}), "
            f"trained on {facts['trained_on']}{trained}, {facts['customers_then']:,} customers;",
            f"compared with {facts['source']}{day}, {facts['customers']:,} customers.",
            "",
            *_drift(found.drift),
            *_shares(found.shares),
            *(_realised(found.realised) if found.realised else []),
            "",
            f"Verdict: {found.verdict.name}" + ("" if found.reasons else ", nothing beyond the limits"),
            *(f"  {reason.verdict.name}: {reason.text}" for reason in found.reasons),
        ]
    )


def _drift(drift: pd.DataFrame) -> list[str]:
    scores = drift[drift["kind"] == "score"]
    features = drift[drift["kind"] == "feature"].sort_values(["drift", "psi"], ascending=False)
    shown = pd.concat([scores, features.head(_FEATURES_SHOWN)])
    width = max(len(name) for name in shown["name"])
    lines = [
        f"  {'score or feature':<{width}}  drift =   PSI - chance -  usual      mean then        now",
        *(
            f"  {row['name']:<{width}}  {row['drift']:>7.2f}  {row['psi']:>5.2f}  {row['by_chance']:>7.2f}"
            f"  {row['usual']:>6.2f}  {_number(row['mean_then']):>14} {_number(row['mean']):>10}"
            for row in shown.to_dict("records")
        ),
    ]
    left = len(features) - _FEATURES_SHOWN
    return [*lines, *([f"  and {left} features that drifted less"] if left > 0 else [])]


def _shares(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"  {row['who']} "
        + ("rejected" if row["name"] == REJECTED else f"with a {row['name']} not seen in training")
        + f": {row['share']:.1%} (usual {row['share_then']:.1%})"
        for row in rows
        if row["name"] == REJECTED or row["share"]
    ]


def _realised(found: RealisedPerformance) -> list[str]:
    if not found.measures:
        return ["", f"Predictions against what happened: not yet; {found.note}."]
    now, then = index_measures(found.measures), index_measures(found.then)
    lines = [
        f"  {words:<24} {_measure(now[key], form)}"
        + (f"   {_measure(then[key], form)}" if key in then else "")
        for key, (words, form) in _MEASURES.items()
    ]
    return [
        "",
        f"Predictions of {found.source} on {found.as_of} against what happened up to {found.until}, "
        f"{found.customers:,} customers"
        + (" (second: held out in training)" if found.then else "")
        + (f"; {found.note}" if found.note else "")
        + ":",
        *lines,
    ]


def _measure(row: Any, form: str) -> str:
    if row["value"] is None:
        return "unknown"
    value, lower, upper = (format(row[name], form) for name in ("value", "lower", "upper"))
    return f"{value:>7} ({lower} to {upper})"


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:,.4g}"
