"""``guanxi run``: from a transaction log to a registered model, a scored table and a page."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, finish, replaced_together
from guanxi.data.usability import check_readable
from guanxi.jobs._customer_stories import customer_stories
from guanxi.jobs._decision_chapters import check_planned, decision_chapters
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._opened_log import open_log
from guanxi.jobs._parts import only_writer
from guanxi.jobs._run_page import run_page
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.scorecard import _scorecard_inputs
from guanxi.jobs.train import Training, _train_log
from guanxi.jobs.validate import usability_text
from guanxi.params import Params
from guanxi.registry import loaded_model as registry
from guanxi.registry.log import log_page
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering
from guanxi.report.chapters import render_chapter
from guanxi.scorecard import check_parameters, render_section, report_content, score_day

_FILES = ("predictions.parquet", "rejected.parquet", "metrics.json", "report.html")


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
    for name in _FILES:
        files.check_output(folder / name)
    own = re.compile("|".join(map(re.escape, _FILES)))
    check_replaceable(folder, own, "metrics.json", ("holdout", "grades", "totals"))
    registry.check_export(export_folder("purchases"))
    check_parameters(params)
    check_planned(params.plan)
    with only_writer(str(folder), folder / LOCK):
        if finish(folder):
            reporter.say(f"   {folder}: put the results of an interrupted run in their places")
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
    results = reporter.step("write the results, the page and the champion's folder")
    with results, answering(training.store):
        sections = [render_section(report_content(scored, params))]
        sections += [render_chapter(chapter, params.language) for chapter in chapters]
        tell = partial(customer_stories, log, loaded, training.served.features, training.as_of)
        page = run_page(training, predictions, scored, sections, tell)
        with replaced_together(folder) as new:
            files.write_table(predictions, new / "predictions.parquet")
            about = {"model_version": training.version}
            files.write_engine_table(log.connection, log.rejected, new / "rejected.parquet", about)
            files.write_text(json.dumps(_metrics(training), indent=1) + "\n", new / "metrics.json")
            files.write_text(page, new / "report.html")
        log_page(training.store, training.run_id, page)
        if training.champion is not None:
            registry.export(training.store, training.champion, export_folder("purchases"))
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
