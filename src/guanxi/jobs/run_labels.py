"""``guanxi run --task labels``: from customers whose outcome is known to a registered model and a page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.sinks.files import output_path
from guanxi.data.sources.source import Source
from guanxi.jobs._closing_words import files_in_words, next_commands
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._label_page import label_page, label_record
from guanxi.jobs._run_results import deliver, results_folder
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.train_labels import LabelTraining, train_labels, use_text
from guanxi.jobs.train_labels import summary_text as training_text
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.other_mlflow import leave_mlflow_alone


@dataclass(frozen=True)
class LabelRun:
    """Results of a run.

    Attributes
    ----------
    training : LabelTraining
    judgement : Judgement or None
        The gate's verdict on the new version; None for the first version.
    predictions : pandas.DataFrame
        ``customer_id, churned, churn_probability``, drivers, ``model_version``: each customer predicted by a
        model that was fitted without them, unlike by ``guanxi predict``.
    folder : pathlib.Path
        Of ``predictions.parquet``, ``metrics.json``, ``report.html``, and of ``page``.
    """

    training: LabelTraining
    judgement: Judgement | None
    predictions: pd.DataFrame = field(repr=False)
    folder: Path


@advises_in_python()
@leave_mlflow_alone()
def run_labels(
    source: Source,
    folder: str | Path = "output",
    *,
    label: str | None = None,
    id_column: str | None = None,
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> LabelRun:
    """Train, register, promote through the gate, and report.

    Parameters
    ----------
    source, label, id_column, params
        As for :func:`guanxi.train_labels`.
    folder : path
        Where ``predictions.parquet``, ``metrics.json`` and ``report.html`` go, and in ``page`` what
        :func:`guanxi.report` needs; all or none.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError, SourceError, DataError, RegistryError
        As :func:`guanxi.train_labels`.
    OutputError
        If the folder cannot be written, another command is writing it, or files there are not of a run.
    """
    params = override(load_params() if params is None else params, {})
    folder, reporter = output_path(folder), reporter_of(progress)
    reporter.expect(6)
    with results_folder(folder, "labels", reporter):
        training = train_labels(source, label=label, id_column=id_column, params=params, progress=reporter)
        return _delivered(training, folder, reporter)


def _delivered(training: LabelTraining, folder: Path, reporter: Reporter) -> LabelRun:
    champion, judgement = through_the_gate(training, training.params.promotion, reporter)
    training = dataclasses.replace(training, champion=champion)
    with reporter.step("predict every customer by a model that has not seen them"):
        scores = training.fitted.score_held_out()
        predictions = scores.assign(model_version=training.version)
    record = label_record(training, scores)
    deliver(
        training,
        "labels",
        folder,
        reporter,
        predictions=predictions,
        metrics=_metrics(training),
        page=lambda: label_page(record, training.params),
        record=record,
    )
    return LabelRun(training, judgement, predictions, folder)


def _metrics(training: LabelTraining) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    for row in training.metrics.to_dict("records"):
        known = {name: row[name] for name in ("value", "standard_deviation") if pd.notna(row[name])}
        measured.setdefault(row["model"], {})[row["metric"]] = known
    held_out = training.fitted.held_out
    return {
        "labels": {
            "label": training.label,
            "customers": len(held_out),
            "churned": int(held_out["churned"].sum()),
            "notes": list(training.fitted.model.warnings),
        },
        "cross_validation": measured,
        "model_version": training.version,
    }


def summary_text(result: LabelRun) -> str:
    """Report the training, where the results are, and the next commands."""
    training, folder = result.training, result.folder
    shown = {
        str(
            folder / "predictions.parquet"
        ): "one row per customer, predicted by a model that had not seen it",
        str(folder / "report.html"): "the report page",
        str(folder / "metrics.json"): "the numbers above, and more",
        f"{folder / 'page'}/": "what guanxi report makes the page from again",
    }
    if training.champion is not None:
        shown[f"{export_folder('labels')}/"] = "the champion as an MLflow model folder"
    return "\n".join(
        [
            training_text(training, result.judgement),
            "",
            *files_in_words(shown),
            *next_commands(folder, training),
            use_text(training),
        ]
    )
