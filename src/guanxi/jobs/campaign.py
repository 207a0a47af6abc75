"""``guanxi campaign``: did it work, by how much, how sure, and what did it cost and earn."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.campaigns import CampaignLines, read_campaign
from guanxi.data.relations.tables import read_relations
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions.campaign import (
    TABLES,
    CampaignResult,
    campaign_answer,
    campaign_summary,
    evaluate_campaign,
    who_responds,
)
from guanxi.decisions.uplift import UpliftResult
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._campaign_scores import campaign_scores
from guanxi.jobs._opened_log import show_findings, source_name
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.other_mlflow import leave_mlflow_alone


@advises_in_python()
@leave_mlflow_alone()
def campaign(
    file: Source,
    source: Source | None = None,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> CampaignResult:
    """Measure what a campaign did, against its control.

    Parameters
    ----------
    file : str, path or table
        One line per customer: ``customer_id, arm, date`` and optionally ``cost``, the flags ``sent, opened,
        clicked, converted`` and further columns; ``params.campaign`` names them.
    source : str, path or table, optional
        Transactions, from which the outcomes are counted. Without, they are columns of the file.
    output : path, optional
        Folder for ``effects.parquet``, the page and the other tables; also logs the run.
    model : str, optional
        MLflow address of the model that predicts before and after; default: the champion, if it was trained
        before the campaign, else models are fitted to the days before it.
    params, progress : optional
        As in :func:`guanxi.predict`.

    Returns
    -------
    CampaignResult
        ``effects.table`` is what ``effects.parquet`` holds; columns in ``docs/campaign.md``.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> from guanxi.params import Params
    >>> rows = pd.DataFrame({"arm": ["mail", "control"] * 50, "visit": [1, 0, 0, 0] * 25})
    >>> params = Params(campaign={"randomised": True, "outcomes": ["visit"]})
    >>> found = guanxi.campaign(rows, params=params).effects.table
    >>> found.loc[0, ["outcome", "kind", "estimate"]].to_list()
    ['visit', 'effect', 0.5]
    """
    params = params if params is not None else load_params()
    reporter = reporter_of(progress)
    folder = None if output is None else Path(output)
    if folder is not None:
        check_answer_folder(folder, "campaign", TABLES)
    reporter.expect((2 if source is None else 3) + 2 * (folder is not None))
    if source is None:
        with reporter.step(f"read {source_name(file)}"):
            lines = read_campaign(file, params.campaign.columns, params.data)
        _show(lines, reporter)
        with reporter.step("compare the arms"):
            found = evaluate_campaign(lines, params)
        _deliver(found, folder, params, reporter, lines, None, "")
        return found
    with reporter.step(f"read {source_name(source)}"):
        log = read_transactions(source, params.data)
    try:
        show_findings(log, reporter)
        return _with_log(file, log, folder, model, params, reporter)
    finally:
        log.close()


def _with_log(
    file: Source,
    log: TransactionLog,
    folder: Path | None,
    model: str | None,
    params: Params,
    reporter: Reporter,
) -> CampaignResult:
    with reporter.step(f"read {source_name(file)}"):
        lines = read_campaign(file, params.campaign.columns, params.data, log)
    _show(lines, reporter)
    surveys = _surveys(log, params, reporter)
    first_day = _first_day(lines, params)
    scores = None if first_day is None else campaign_scores(log, first_day, model, params, reporter)
    with reporter.step("compare the arms"):
        found = evaluate_campaign(
            lines,
            params,
            log,
            score=scores.score if scores else None,
            surveys=surveys,
            value_days=scores.value_days if scores else None,
        )
    version = scores.model_version if scores else ""
    _deliver(found, folder, params, reporter, lines, params.as_of or log.last_day, version)
    return found


def _first_day(lines: CampaignLines, params: Params) -> date | None:
    """First day of the campaign; None where none is given, which its check explains."""
    if "date" in lines.table and lines.table["date"].notna().any():
        first: date = pd.Timestamp(lines.table["date"].min()).date()
        return first
    return params.campaign.day


def _surveys(log: TransactionLog, params: Params, reporter: Reporter) -> Any:
    if params.relations.surveys.source is None:
        return None
    relations = read_relations(params, log, only=["surveys"])
    for warning in relations.warnings:
        reporter.warn(warning)
    return relations.table("surveys")


def _show(lines: CampaignLines, reporter: Reporter) -> None:
    for finding in lines.findings:
        reporter.warn(f"{lines.source}: {finding}")


def _deliver(
    found: CampaignResult,
    folder: Path | None,
    params: Params,
    reporter: Reporter,
    lines: CampaignLines,
    as_of: date | None,
    version: str,
) -> None:
    if folder is None:
        return
    learned: dict[str, UpliftResult] = {}
    if params.campaign.uplift:
        with reporter.step("learn who responds", extra=True):
            learned, reasons = who_responds(found, params)
        for reason in reasons:
            reporter.warn(reason)
    answer = campaign_answer(found, params, learned)
    deliver(
        answer,
        folder,
        "campaign",
        TABLES,
        params,
        reporter,
        source=lines.source,
        as_of=as_of,
        model_version=version,
    )


def summary_text(found: CampaignResult, params: Params, folder: Path) -> str:
    """Return the answer and where it is."""
    return f"{campaign_summary(found, params)}\n\nResults: {folder}/effects.parquet, campaign.html and more"
