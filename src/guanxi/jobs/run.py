"""``guanxi run``: from a transaction log to a registered model, a scored table and a page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.usability import check_readable
from guanxi.jobs._customer_stories import customer_stories
from guanxi.jobs._decision_chapters import check_planned, decision_chapters
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._opened_log import open_log
from guanxi.jobs._run_page import run_page
from guanxi.jobs._run_results import deliver, results_folder
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.scorecard import _scorecard_inputs
from guanxi.jobs.train import Training, _train_log
from guanxi.jobs.validate import usability_text
from guanxi.params import Params
from guanxi.registry import loaded_model as registry
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.report.chapters import render_chapter
from guanxi.scorecard import check_parameters, render_section, report_content, score_day


@dataclass(frozen=True)
class RunResult:
    """Results of a run.

    ``judgement`` is the gate's verdict on the new version; None for the first version, which is champion.
    """

    training: Training
    predictions: pd.DataFrame
    folder: Path
    export: Path
    judgement: Judgement | None


@leave_mlflow_alone()
def run(source: str, params: Params, folder: Path, reporter: Reporter) -> RunResult:
    """Validate, train, register, promote, predict and report.

    Parameters
    ----------
    source : str
        As on the command line.
    params : Params
    folder : Path
        Where ``predictions.parquet``, ``rejected.parquet``, ``metrics.json`` and ``report.html`` go, all or
        none.
    reporter : Reporter

    Raises
    ------
    OutputError
        If the folder cannot be written, another command is writing it, or files there are not of a run.
    """
    check_parameters(params)
    check_planned(params.plan)
    with results_folder(folder, "purchases", reporter):
        return _run(source, params, folder, reporter)


def _run(source: str, params: Params, folder: Path, reporter: Reporter) -> RunResult:
    opened = open_log(source, params, reporter)
    reporter.say(usability_text(opened.usability))
    check_readable(opened.log)
    log = opened.log
    relations = read_relations(params, log)
    for warning in relations.warnings:
        reporter.warn(warning)
    training = _train_log(opened, params, reporter)
    champion, judgement = through_the_gate(training, params.promotion, reporter, training.holdout.biased)
    training = dataclasses.replace(training, champion=champion)
    with reporter.step("score every customer with the registered model"):
        uri = f"models:/{training.store.registered_model}/{training.version}"
        loaded = registry.load_model(uri, training.store).of_transactions()
        loaded = dataclasses.replace(loaded, language=params.language)
        predictions = _score_customers(log, loaded, training.as_of)
    inputs = _scorecard_inputs(log, relations, loaded, params)
    inputs = dataclasses.replace(inputs, score=lambda _: predictions)  # scored above
    scored = score_day(inputs, training.as_of, reporter)
    chapters = decision_chapters(log, relations, loaded, predictions, training.as_of, params, reporter)

    def page() -> str:
        sections = [render_section(report_content(scored, params))]
        sections += [render_chapter(chapter, params.language) for chapter in chapters]
        tell = partial(customer_stories, log, loaded, training.served.features, training.as_of)
        return run_page(training, predictions, scored, sections, tell)

    deliver(
        training,
        "purchases",
        folder,
        reporter,
        predictions=predictions,
        metrics=_metrics(training),
        page=page,
        log=log,
    )
    log.close()
    return RunResult(training, predictions, folder, export_folder("purchases"), judgement)


def _metrics(training: Training) -> dict[str, Any]:
    table = training.holdout.metrics
    by_target: dict[str, Any] = {}
    for row in table.to_dict("records"):
        value = None if pd.isna(row["value"]) else row["value"]
        by_target.setdefault(row["target"], {}).setdefault(row["model"], {})[row["metric"]] = value
    return {
        "holdout": {
            "after": training.holdout.cutoff.isoformat(),
            "until": training.holdout.end.isoformat(),
            "customers": len(training.holdout.table),
            "metrics": by_target,
        },
        "data": training.usability.numbers,
        "grades": {name: each and each.letter for name, each in training.holdout.grades.items()},
        "grade_reasons": {name: each and each.reason for name, each in training.holdout.grades.items()},
        "totals": training.totals.astype(object).where(training.totals.notna(), None).to_dict("records"),
        "corrections": {name: each.reason for name, each in training.served.corrections.items()},
        "model_version": training.version,
    }
