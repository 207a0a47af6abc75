"""The model card: data, parameters and accuracy of a version, as its description in the registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import pandas as pd

from guanxi import __version__
from guanxi.data.sources.redaction import redact
from guanxi.evaluation.grade import letters_in_words
from guanxi.periods import add_days
from guanxi.pipeline.contracts import FittedContracts
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.folds import FOLDS
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry.log import TrainingRecord
from guanxi.registry.store import Store

# Length limits of a description in the registry's database; the decision comes last.
_LONGEST, _LONGEST_LIMITS, _LONGEST_DECISION = 5000, 1200, 1500
_DECISION = "\n## Decision\n"
_MODEL = "guanxi"
_SHOWN = {
    "churn": ("auc", "log_loss", "ece"),
    "survival": ("integrated_brier", "concordance"),
    "value": ("mae", "bias", "coverage"),
    "purchases": ("mae", "crps", "bias", "coverage"),
    "spend": ("mae", "crps", "bias", "coverage"),
}
_KEYS = ("horizon_days", "seed", "language", "clv.", "churn.snapshot", "churn.tuning", "drivers.")


def training_card(
    record: TrainingRecord,
    served: FittedModels,
    holdout: tuple[date, date],
    limits: Sequence[str],
) -> str:
    """Write the card of a model of transactions.

    Parameters
    ----------
    record : TrainingRecord
    served : FittedModels
    holdout : (date, date)
        The last day that the evaluated twin was fitted on, and the last of the window measured.
    limits : sequence of str
        Warnings and fit notes.
    """
    facts, model = record.facts, served.model
    rules = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(model.data).items())
    twin_day, end = holdout
    return "\n".join(
        [
            *_head(record, f"{facts['customers']:,} customers, {facts['lines_accepted']:,} of "),
            f"- {facts['first_day']} to {facts['as_of']}, {facts['history_days']:,} days; {rules}",
            "",
            "## Predictions",
            f"- worth, purchases and churn over {model.horizon_days} days, as of {served.as_of} or later",
            f"- purchases: {served.choice.reason}; spend: {model.spend.model}",
            *(f"- {name}: {each.reason}" for name, each in served.corrections.items()),
            *(f"- level: {note}" for note in served.level_notes),
            "",
            f"## Measured on {add_days(twin_day, 1)} to {end}",
            f"By a twin fitted up to {twin_day}, which had not seen these days; 90 % bootstrap intervals.",
            "",
            *_table(record.metrics, model.grades),
            f"Grades: {letters_in_words('en')}.",
            *_limits(["One window was measured: others can differ by more than the intervals.", *limits]),
            *_parameters(record),
        ]
    )[: _LONGEST - _LONGEST_DECISION - len(_DECISION)]


def label_card(record: TrainingRecord, fitted: FittedLabels) -> str:
    """Write the card of a model trained on labels; parameters as :func:`training_card`."""
    facts = record.facts
    metrics = record.metrics
    shown = [] if metrics is None else metrics[metrics["model"] == _MODEL].to_dict("records")
    return "\n".join(
        [
            *_head(record, f"{facts['customers']:,} customers"),
            f"- {facts['churned']:,} churned by {facts['label']}; {len(facts['attributes'])} attributes",
            "",
            f"## Measured in {FOLDS} folds",
            "Each fold by a model that had not seen it; +- is the spread between folds.",
            "",
            *(
                f"- {row['metric']} {row['value']:.4f}"
                + ("" if pd.isna(row["standard_deviation"]) else f" +- {row['standard_deviation']:.4f}")
                for row in shown
            ),
            *_limits(fitted.model.warnings),
            *_parameters(record),
        ]
    )[: _LONGEST - _LONGEST_DECISION - len(_DECISION)]


def contract_card(record: TrainingRecord, fitted: FittedContracts, measured: str) -> str:
    """Write the card of a model of contracts; ``measured`` tells on which customers and days."""
    facts, model, limits = record.facts, fitted.model, fitted.model.limits
    return "\n".join(
        [
            *_head(record, f"{facts['customers']:,} customers, {facts['lines_accepted']:,} of "),
            f"- {facts['first_day']} to {facts['last_day']}; {limits.opportunities:,} renewal opportunities, "
            f"at {limits.churned:,} of which a customer left; period {model.period}",
            "",
            "## Predictions",
            f"- worth and churn over {model.horizon_days} days, remaining lifetime, as of {model.as_of} "
            "or later",
            f"- retention: {fitted.choice.reason}; trees: {fitted.correction.reason}",
            "",
            f"## Measured {measured}",
            "90 % bootstrap intervals.",
            "",
            *_table(record.metrics, model.grades),
            *_limits(model.warnings),
            *_parameters(record),
        ]
    )[: _LONGEST - _LONGEST_DECISION - len(_DECISION)]


def write_card(store: Store, version: str, card: str) -> None:
    """Make a card a version's description."""
    store.client.update_model_version(store.registered_model, version, card)


def add_decision(store: Store, version: str, decision: str) -> None:
    """Append the latest decision to a version's card; it replaces an earlier one."""
    found = store.client.get_model_version(store.registered_model, version).description or ""
    card = found.partition(_DECISION)[0].rstrip("\n")
    write_card(store, version, (card + "\n" + _DECISION + decision[:_LONGEST_DECISION])[:_LONGEST])


def _head(record: TrainingRecord, counts: str) -> list[str]:
    facts = record.facts
    lines = f"{facts['lines_read']:,} lines" if "lines_read" in facts else ""
    return [
        f"Trained by guanxi {__version__}.",
        "",
        "## Data",
        f"- {redact(record.source)}: {counts}{lines}",
        f"- digest {record.data_digest}",
    ]


def _table(metrics: pd.DataFrame | None, grades: Mapping[str, str | None]) -> list[str]:
    if metrics is None:
        return ["nothing was measured"]
    own = metrics[metrics["model"] == _MODEL].set_index(["target", "metric"])
    rows = [
        f"| {target} | {grades.get(target) or '-'} | {metric} | {_with_interval(own.loc[(target, metric)])} |"
        for target, names in _SHOWN.items()
        for metric in names
        if (target, metric) in own.index
    ]
    return ["| target | grade | metric | value |", "|---|---|---|---|", *rows]


def _with_interval(row: Any) -> str:
    value = f"{row['value']:.4g}"
    return value if pd.isna(row["lower"]) else f"{value} ({row['lower']:.4g} to {row['upper']:.4g})"


def _limits(warnings: Sequence[str]) -> list[str]:
    """List the warnings to users of the model; count those that do not fit."""
    kept: list[str] = []
    for text in warnings:
        if sum(map(len, kept)) + len(text) > _LONGEST_LIMITS:
            kept.append(f"and {len(warnings) - len(kept)} more, in the run's tags")
            break
        kept.append(text)
    return ["", "## Limits", *(f"- {text}" for text in kept)] if kept else []


def _parameters(record: TrainingRecord) -> list[str]:
    values = [f"{name}={value}" for name, value in record.params.flat().items() if name.startswith(_KEYS)]
    return ["", "## Parameters", f"{', '.join(values)}; all of them in the run's params.yaml"]
