"""``guanxi run``: from a transaction log to a registered model, a scored table and a page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source
from guanxi.data.usability import check_readable
from guanxi.errors import ParamsError
from guanxi.jobs._decision_chapters import check_planned
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._opened_log import open_log, source_name
from guanxi.jobs._run_page import page_of_run, record_of_run
from guanxi.jobs._run_results import deliver, results_folder
from guanxi.jobs.predict import _score_customers
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.train import Training, _train_log
from guanxi.jobs.validate import usability_text
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry import loaded_model as registry
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.scorecard import check_parameters

# Without those that only some runs take: the gate, the audit of spend, a plan.
_STEPS = 9


@dataclass(frozen=True)
class RunResult:
    """Results of a run.

    ``judgement`` is the gate's verdict on the new version; None for the first version, which is champion.
    """

    training: Training
    predictions: pd.DataFrame = field(repr=False)
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
        Where ``predictions.parquet``, ``rejected.parquet``, ``metrics.json`` and ``report.html`` go, and in
        ``page`` what :func:`guanxi.report` needs; all or none.
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
    check_parameters(params)
    check_planned(params.plan)
    with results_folder(folder, "purchases", reporter):
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
    record = record_of_run(training, log, source_name(source))
    page = page_of_run(
        record, log, relations, loaded, predictions, lambda: training.served.features, params, reporter
    )
    deliver(
        training,
        "purchases",
        folder,
        reporter,
        predictions=predictions,
        metrics=_metrics(training),
        page=page,
        record=record,
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
