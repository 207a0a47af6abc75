"""``guanxi scorecard``: every customer's relationship in one grade, with weights and reasons."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks import files
from guanxi.data.transactions import read_transactions
from guanxi.jobs._scorecard_results import log_results, write_results
from guanxi.jobs.predict import load_checked
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.validate import source_name
from guanxi.params import Params
from guanxi.scorecard.findings import ScorecardResult, find
from guanxi.scorecard.report.content_of import report_content
from guanxi.scorecard.scoring.weighing import judgement_weights, scorecard_tree
from guanxi.scorecard.targets.indicator_targets import parse_targets
from guanxi.scorecard.targets.reference_values import parse_benchmarks
from guanxi.segments.playbook import playbook_conditions


def scorecard(
    source: str | pd.DataFrame,
    folder: Path,
    params: Params,
    progress: Reporter,
    *,
    model: str | None = None,
    history: int = 0,
) -> ScorecardResult:
    """Score every customer's relationship; write and log what was found.

    Parameters
    ----------
    source : str or pandas.DataFrame
        Transactions; the relation tables are named by ``params.relations``.
    folder : pathlib.Path
        Where ``scorecard.parquet`` and the rest goes.
    params : Params
    progress : Progress
    model : str, optional
        Default: the champion.
    history : int
        Earlier days to compare with, each a horizon of the model before the next.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError
    """
    for path in (folder / "scorecard.parquet", folder / "tables" / "programme.csv"):
        files.check_output(path)
    check_scorecard(params)
    loaded = load_checked(model, params, progress).of_transactions(
        " and knows no value: name one trained on transactions, as in --model models:/guanxi@champion"
    )
    with progress.step(f"read {source_name(source)} and the tables beside it"):
        log = read_transactions(source, params.data)
        relations = read_relations(params, log)
    try:
        for warning in relations.warnings:
            progress.warn(warning)
        found = find(log, relations, loaded, params, progress, history=history)
    finally:
        log.close()
    content = report_content(found.customers, found.relationship, found.history, found.notes, params)
    html = write_results(folder, found, content, loaded, source_name(source), params, progress)
    with progress.step("log the scorecard"):
        log_results(found, content, loaded, source_name(source), html, params)
    return found


def check_scorecard(params: Params) -> None:
    """Refuse what is mistaken in the parameters before anything is read."""
    judgement_weights(params.scorecard.weights, scorecard_tree(params.scorecard.tree))
    parse_targets(params.scorecard.targets, "scorecard.targets")
    parse_benchmarks(params.scorecard.benchmarks, "scorecard.benchmarks")
    playbook_conditions(params.playbook)
