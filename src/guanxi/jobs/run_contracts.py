"""``guanxi run --task contracts``: from contracts to a registered model, a scored table and a page."""

from __future__ import annotations

import dataclasses
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.contracts.log import ContractLog
from guanxi.data.sinks.files import output_path
from guanxi.data.sources.source import Source
from guanxi.jobs._closing_words import files_in_words, model_option, next_commands
from guanxi.jobs._contract_log import assess_source
from guanxi.jobs._contract_page import contract_page, contract_record
from guanxi.jobs._gate import Judgement, through_the_gate
from guanxi.jobs._opened_log import source_name
from guanxi.jobs._predict_contracts import contract_scoring
from guanxi.jobs._run_results import deliver, results_folder
from guanxi.jobs.promote import export_folder
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.train_contracts import ContractTraining, train_log
from guanxi.jobs.train_contracts import summary_text as training_text
from guanxi.jobs.validate import usability_text
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry import loaded_model as registry
from guanxi.registry.loaded_model import LoadedContractModel
from guanxi.registry.other_mlflow import leave_mlflow_alone


@dataclass(frozen=True)
class ContractRun:
    """Results of a run.

    Attributes
    ----------
    training : ContractTraining
    judgement : Judgement or None
        The gate's verdict on the new version; None for the first version.
    predictions : pandas.DataFrame
        Of the customers under contract.
    folder : pathlib.Path
        Of ``predictions.parquet, rejected.parquet, metrics.json, report.html``, and of ``page``.
    """

    training: ContractTraining
    judgement: Judgement | None
    predictions: pd.DataFrame = field(repr=False)
    folder: Path


@advises_in_python()
@leave_mlflow_alone()
def run_contracts(
    source: Source,
    folder: str | Path = "output",
    *,
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> ContractRun:
    """Train, register, promote through the gate, predict and report.

    Parameters
    ----------
    source, params
        As for :func:`guanxi.train_contracts`.
    folder : path
        Where the four files go, and in ``page`` what :func:`guanxi.report` needs; all or none.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError
        As :func:`guanxi.train_contracts`.
    OutputError
        If the folder cannot be written, another command is writing it, or files there are not of a run.
    """
    params = override(load_params() if params is None else params, {"task": "contracts"})
    folder, reporter = output_path(folder), reporter_of(progress)
    reporter.expect(7)
    with results_folder(folder, "contracts", reporter):
        log, usability = assess_source(source, params, reporter)
        try:
            reporter.say(usability_text(usability))
            training = train_log(log, params, reporter)
            return _delivered(training, log, source_name(source), folder, reporter)
        finally:
            log.close()


def _delivered(
    training: ContractTraining, log: ContractLog, source: str, folder: Path, reporter: Reporter
) -> ContractRun:
    champion, judgement = through_the_gate(training, training.params.promotion, reporter)
    training = dataclasses.replace(training, champion=champion)
    with reporter.step("score every customer with the registered model"):
        uri = f"models:/{training.store.registered_model}/{training.version}"
        loaded = registry.load_model(uri, training.store)
        assert isinstance(loaded, LoadedContractModel)
        predictions = contract_scoring(log, loaded, training.as_of).whole()
    record = contract_record(training, log, source)
    deliver(
        training,
        "contracts",
        folder,
        reporter,
        predictions=predictions,
        metrics=_metrics(training),
        page=lambda: contract_page(record, predictions, training.params),
        record=record,
        log=log,
    )
    return ContractRun(training, judgement, predictions, folder)


def _metrics(training: ContractTraining) -> dict[str, Any]:
    measured: dict[str, Any] = {}
    for row in training.metrics.to_dict("records"):
        known = {name: row[name] for name in ("value", "lower", "upper") if pd.notna(row[name])}
        measured.setdefault(row["target"], {}).setdefault(row["model"], {})[row["metric"]] = known
    evaluation = training.evaluation
    return {
        "contracts": training.facts,
        "measured": {
            "kind": evaluation.kind,
            "after": evaluation.cutoff and evaluation.cutoff.isoformat(),
            "days": evaluation.days,
            "customers": len(evaluation.table),
            "opportunities": len(evaluation.rows) if evaluation.by_opportunity else None,
            "grade": training.served.model.grades.get("churn"),
            "metrics": measured,
        },
        "retention": training.served.choice.reason,
        "trees": training.served.correction.reason,
        "model_version": training.version,
    }


def summary_text(result: ContractRun, source: str, flags: str = "") -> str:
    """Report a training, what the customers are worth, where the results are, and the next command.

    ``source`` and ``flags`` as in :func:`.summary.of_run`.
    """
    training, table, folder = result.training, result.predictions, result.folder
    value, leaving = table["clv"].sum(min_count=1), table["churn_probability"].sum()
    worth = "" if pd.isna(value) else f"worth {value:,.0f}, "
    also = model_option(training) + (f" {flags}" if flags else "")
    shown = {
        str(folder / "predictions.parquet"): "one row per customer under contract",
        str(folder / "report.html"): "the report page",
        str(folder / "metrics.json"): "the numbers above, and more",
        str(folder / "rejected.parquet"): "lines that were not used, and why",
        f"{folder / 'page'}/": "what guanxi report makes the page from again",
    }
    if training.champion is not None:
        shown[f"{export_folder('contracts')}/"] = "the champion as an MLflow model folder"
    return "\n".join(
        [
            training_text(training, result.judgement),
            "",
            f"{len(table):,} customers under contract on {training.as_of}; over the next "
            f"{training.horizon_days} days {worth}{leaving:,.0f} expected to leave.",
            *files_in_words(shown),
            *next_commands(
                folder,
                training,
                f"guanxi predict {shlex.quote(source)} -o scores.parquet --task contracts{also}",
            ),
        ]
    )
