"""``guanxi programme``: what the relationship programme brought for what it cost, and how its teams did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.decisions.programme import (
    TABLES,
    CampaignEffects,
    ProgrammeReturn,
    TeamPerformance,
    programme_answer,
    programme_return,
    programme_summary,
    team_performance,
)
from guanxi.errors import ParamsError, SourceError
from guanxi.evaluation.realised_performance import outcomes
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs.predict import _load_checked, _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.other_mlflow import leave_mlflow_alone


@dataclass(frozen=True)
class ProgrammeResult:
    """Return of the programme and performance of its teams, each None without its table.

    Attributes
    ----------
    earned : ProgrammeReturn or None
    teams : TeamPerformance or None
    as_of : datetime.date
    """

    earned: ProgrammeReturn | None
    teams: TeamPerformance | None
    as_of: date


@advises_in_python()
@leave_mlflow_alone()
def programme(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    progress: bool | Reporter = False,
) -> ProgrammeResult:
    """Set the effects of campaigns against the cost of the programme, and compare teams.

    Parameters
    ----------
    source : str, path or table
        Transactions. ``params.relations`` names the tables ``investments`` and ``owners``, of which one is
        needed, and ``params.programme`` the campaigns.
    output : path, optional
        Folder for the page and tables; also logs the run.
    model : str, optional
        MLflow address of the model that predicts at hand-over; default: the champion.
    params, progress : optional
        As in :func:`guanxi.predict`.

    Raises
    ------
    ParamsError, SourceError, DataError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.programme("sales.csv", "programme").earned.gain  # doctest: +SKIP
    """
    params = params if params is not None else load_params()
    reporter = reporter_of(progress)
    tables = params.relations
    if tables.investments.source is None and tables.owners.source is None:
        raise ParamsError(
            "guanxi programme needs what was invested (phase, date, amount), or who is responsible for a "
            "customer (customer_id, date, owner): set relations.investments.source or relations.owners.source"
        )
    if output is not None:
        check_answer_folder(Path(output), "programme", TABLES)
    reporter.expect(1 + 2 * (tables.owners.source is not None) + 2 * (output is not None))
    campaigns = _read_campaigns(params)
    name = source_name(source)
    with reporter.step(f"read {name} and the tables of the programme"):
        log = read_transactions(source, params.data)
    try:
        show_findings(log, reporter)
        return _with_log(log, campaigns, output, model, params, reporter)
    finally:
        log.close()


def _with_log(
    log: TransactionLog,
    campaigns: list[CampaignEffects],
    output: str | Path | None,
    model: str | None,
    params: Params,
    reporter: Reporter,
) -> ProgrammeResult:
    as_of = last_day_used(log, params, reporter)
    relations = read_relations(params, log, only=["investments", "owners"])
    for warning in relations.warnings:
        reporter.warn(warning)
    investments, earned = relations.table("investments"), None
    if investments is not None:
        earned = programme_return(
            investments.execute(),
            campaigns,
            as_of=as_of,
            count_differences=params.programme.count_differences,
            level=params.programme.confidence,
        )
    teams, days, version = None, params.horizon_days, ""
    if relations.table("owners") is not None:
        teams, days, version = _teams(log, relations, model, as_of, params, reporter)
    if output is not None:
        answer = programme_answer(earned, teams, params, as_of, days)
        deliver(
            answer,
            Path(output),
            "programme",
            TABLES,
            params,
            reporter,
            source=log.source,
            as_of=as_of,
            model_version=version,
        )
    return ProgrammeResult(earned, teams, as_of)


def _teams(
    log: TransactionLog,
    relations: Relations,
    model: str | None,
    as_of: date,
    params: Params,
    reporter: Reporter,
) -> tuple[TeamPerformance, int, str]:
    loaded = _load_checked(model, params, reporter).of_transactions(
        " and predicts no purchases: name one trained on transactions, as in --model models:/guanxi@champion"
    )
    days = loaded.horizon_days
    with reporter.step("score customers as of their hand-over") as step:

        def score(day: date) -> pd.DataFrame:
            step.detail(day.isoformat())
            return _score_customers(log, loaded, day, drivers=0)

        teams = team_performance(
            relations.table("owners").execute(),
            score,
            lambda day, window: outcomes(log, day, window),
            as_of=as_of,
            days=days,
            level=params.programme.confidence,
        )
    return teams, days, loaded.version


def _read_campaigns(params: Params) -> list[CampaignEffects]:
    return [
        CampaignEffects(name, _read_effects(name, given.effects), given.date, given.days)
        for name, given in params.programme.campaigns.items()
    ]


def _read_effects(name: str, path: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"programme.campaigns.{name}.effects: {path} cannot be read ({type(error).__name__}): give "
            "effects.parquet of guanxi campaign"
        ) from error


def summary_text(found: ProgrammeResult, folder: Path) -> str:
    """Return the answer and where it is."""
    text = programme_summary(found.earned, found.teams, found.as_of)
    return f"{text}\n\nResults: {folder}/programme.html and more"
