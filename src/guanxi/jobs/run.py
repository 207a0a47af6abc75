"""``guanxi run``: from a transaction log to a registered model, a scored table and a page."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi import __version__
from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK, check_replaceable, finish, replaced_together
from guanxi.data.sources.source import Source
from guanxi.data.usability import check_readable
from guanxi.errors import ParamsError
from guanxi.evaluation.grade import letters_in_words
from guanxi.jobs._decision_chapters import check_planned, decision_chapters
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._opened_log import open_log
from guanxi.jobs._parts import only_writer
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.scorecard import _scorecard_inputs
from guanxi.jobs.train import Training, _train_log
from guanxi.jobs.validate import usability_text
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry import loaded_model as registry
from guanxi.registry.log import log_page
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering
from guanxi.report.chapters import render_chapter
from guanxi.scorecard import check_parameters, render_section, report_content, score_day

if TYPE_CHECKING:
    from guanxi.report import PageSection

# Without those that only some runs take: the gate, the audit of spend, a plan.
_STEPS = 9
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


@advises_in_python()
@leave_mlflow_alone()
def run(
    source: Source = "cdnow",
    folder: str | Path = "output",
    *,
    params: Params | None = None,
    horizon_days: int | None = None,
    as_of: date | str | None = None,
    progress: bool | Reporter = False,
) -> RunResult:
    """Validate, train, register, promote, predict and report.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    folder : path
        Where ``predictions.parquet``, ``rejected.parquet``, ``metrics.json`` and ``report.html`` go, all or
        none.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    horizon_days : int, optional
    as_of : date or str, optional
        Default: the last day of the data.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError
    OutputError
        If the folder cannot be written, another command is writing it, or files there are not of a run.

    Examples
    --------
    >>> import guanxi
    >>> result = guanxi.run("sales.csv", horizon_days=90, progress=True)  # doctest: +SKIP
    >>> result.predictions.nlargest(10, "clv")  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    params = override(base, {"horizon_days": horizon_days, "as_of": as_of})
    folder, reporter = files.output_path(folder), reporter_of(progress)
    if params.task != "purchases":
        raise ParamsError(f"params.task is {params.task}: call guanxi.run_{params.task}")
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


def _run(source: Source, params: Params, folder: Path, reporter: Reporter) -> RunResult:
    reporter.expect(_STEPS)
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
        page = _page(training, predictions, sections)
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


def _grades(training: Training) -> list[str]:
    """Describe the grades and their letters, and why a B is no A."""
    from guanxi.report.words import words

    grades = [each for each in training.holdout.grades.values() if each is not None]
    if not grades:
        return []
    named = words(training.params.language)
    letters = ", ".join(f"{named.get(str(each.target), str(each.target))} {each.letter}" for each in grades)
    meaning = letters_in_words(training.params.language)
    return [named["grades"].format(grades=letters, meaning=meaning), *training.holdout.reasons]


def _totals(training: Training) -> list[tuple[str, str]]:
    """Return total and interval of all customers, with the basis of the interval."""
    whole = training.totals[training.totals["segment"].isna()].to_dict("records")
    return [
        (
            f"total {row['target']}, next {training.horizon_days} days",
            f"{row['expected']:,.0f}; with a probability of {training.params.clv.interval:.0%} "
            f"{row['lower']:,.0f} to {row['upper']:,.0f} ({row['basis']})",
        )
        for row in whole
    ]


def _page(training: Training, predictions: pd.DataFrame, sections: list[PageSection]) -> str:
    from guanxi.periods import add_days
    from guanxi.report.page import RunReport, render

    usability, holdout = training.usability, training.holdout
    return render(
        RunReport(
            source=str(usability.facts[0][1]),
            as_of=training.as_of,
            horizon_days=training.horizon_days,
            model_version=training.version,
            language=training.params.language,
            generated_by=f"guanxi {__version__}",
            data_facts=[
                *usability.facts,
                ("purchase model", training.served.choice.reason),
                *_totals(training),
                *(("level of the totals", note) for note in training.served.level_notes),
                *(
                    (f"{name}: corrections", each.reason)
                    for name, each in training.served.corrections.items()
                ),
            ],
            rejected=pd.DataFrame(usability.rejected, columns=["rule", "lines", "share"]),
            warnings=[
                *_grades(training),
                *holdout.warnings,
                *usability.warnings_in(training.params.language),
                *training.fit_notes,
            ],
            predictions=predictions,
            holdout=holdout.table,
            holdout_window=(add_days(holdout.cutoff, 1), holdout.end),
            metrics=holdout.metrics,
            tracking=holdout.tracking,
            explanation=training.explanation,
            sections=sections,
        )
    )
