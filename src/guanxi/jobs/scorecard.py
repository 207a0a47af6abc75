"""``guanxi scorecard``: every customer's relationship in one score, with weights and reasons."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.sinks.file_sets import LOCK
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.jobs._contract_log import contract_day, open_contracts
from guanxi.jobs._contract_payments import payments, score_payments
from guanxi.jobs._opened_log import show_findings, source_name
from guanxi.jobs._parts import only_writer
from guanxi.jobs.predict import _load_checked, _score_customers
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params, override
from guanxi.registry.job_log import log_result
from guanxi.registry.loaded_model import LoadedContractModel, LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering, open_store
from guanxi.scorecard import (
    ScorecardInputs,
    ScorecardResult,
    build_scorecard,
    check_folder,
    check_parameters,
    run_record,
    write_results,
)
from guanxi.segments.summary import TIERS

_NO_VALUE = " and predicts no value: name one trained on transactions, as in --model models:/guanxi@champion"


@leave_mlflow_alone()
def scorecard(
    source: Source,
    folder: Path,
    params: Params,
    reporter: Reporter,
    *,
    model: str | None = None,
    history: int = 0,
) -> ScorecardResult:
    """Score every customer's relationship; write and log the results.

    Parameters
    ----------
    source : str, path or table
        Transactions; the relation tables are named by ``params.relations``.
    folder : pathlib.Path
        Where ``scorecard.parquet`` and the other files go.
    params : Params
    reporter : Reporter
    model : str, optional
        Default: the champion.
    history : int
        Number of earlier days to compare with, one horizon of the model apart.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError
    """
    check_folder(folder)
    check_parameters(params)
    loaded, name = _load_checked(model, params, reporter), source_name(source)
    build = partial(build_scorecard, reporter=reporter, history=history)
    if isinstance(loaded, LoadedContractModel):
        found = _of_contracts(source, loaded, params, reporter, build)
    else:
        found = _of_purchases(source, loaded.of_transactions(_NO_VALUE), params, reporter, build)
    with only_writer(str(folder), folder / LOCK):
        page = write_results(folder, found, params, reporter, source=name, model_version=loaded.version)
    with reporter.step("log the scorecard"):
        tags = {"model_version": loaded.version, "source": name, "as_of": found.as_of.isoformat()}
        record, store = run_record(found, params), open_store(params.mlflow)
        with answering(store):
            log_result(
                store,
                "scorecard",
                tags,
                record.settings,
                record.metrics,
                record.documents,
                page,
                record.figures,
            )
    return found


def _of_purchases(
    source: Source,
    loaded: LoadedTransactionModel,
    params: Params,
    reporter: Reporter,
    build: Callable[[ScorecardInputs], ScorecardResult],
) -> ScorecardResult:
    with reporter.step(f"read {source_name(source)} and the relation tables"):
        log = read_transactions(source, params.data)
        relations = read_relations(params, log)
    try:
        show_findings(log, reporter)
        for warning in relations.warnings:
            reporter.warn(warning)
        return build(_scorecard_inputs(log, relations, loaded, params))
    finally:
        log.close()


def _of_contracts(
    source: Source,
    loaded: LoadedContractModel,
    params: Params,
    reporter: Reporter,
    build: Callable[[ScorecardInputs], ScorecardResult],
) -> ScorecardResult:
    """Build the scorecard of contracts, each period of which counts as a purchase of its amount."""
    log = open_contracts(source, params, reporter)
    try:
        day = contract_day(log, params, reporter)
        with reporter.step("read the payments and the relation tables"):
            paid = payments(log, day)
            relations = read_relations(params, paid)
        for warning in relations.warnings:
            reporter.warn(warning)
        score = score_payments(log, paid, loaded, params.drivers.top)
        margin, days = loaded.served.lifetime_value.margin, loaded.horizon_days
        given = override(params, {"as_of": day})
        return build(ScorecardInputs(paid, relations, score, days, days, margin, given))
    finally:
        log.close()


def _scorecard_inputs(
    log: TransactionLog, relations: Relations, loaded: LoadedTransactionModel, params: Params
) -> ScorecardInputs:
    """Collect the inputs of a scorecard; the model scores each requested day."""
    return ScorecardInputs(
        log,
        relations,
        lambda day: _score_customers(log, loaded, day, drivers=params.drivers.top),
        loaded.horizon_days,
        loaded.window_days,
        loaded.served.lifetime_value.margin,
        params,
    )


def summary_text(found: ScorecardResult, folder: Path) -> str:
    """Report tiers, weights, notes, and where the results are."""
    customers = found.customers
    mean = customers["score"].mean()
    lines = [f"{len(customers):,} customers as of {found.as_of}: mean score {mean:.1f}", ""]
    value = customers["clv"].sum()
    lines.append(f"  {'tier':<8} {'customers':>10} {'score':>7} {'value':>7} {'churn':>7}")
    for tier in TIERS:
        rows = customers[customers["tier"] == tier]
        if len(rows):
            share = rows["clv"].sum() / value if value > 0 else float("nan")
            lines.append(
                f"  {tier:<8} {len(rows):>10,} {rows['score'].mean():>7.1f} {share:>7.0%} "
                f"{rows['churn_probability'].mean():>7.0%}"
            )
    lines += ["", *_weights(found), *_stability(found), *_moves(found), *_targets(found)]
    if found.notes:
        lines += ["", "Notes:", *(f"  - {note}" for note in found.notes)]
    return "\n".join([*lines, "", f"Results: {folder}/scorecard.parquet, .csv, .html and more"])


def alarms(found: ScorecardResult, on: str) -> list[str]:
    """Name the indicators at their warning level or without data; with ``target`` also those that miss it."""
    verdicts = ("warning", "unknown", *(("missed",) if on == "target" else ()))
    return [str(name) for name in found.targets.loc[found.targets["verdict"].isin(verdicts), "indicator"]]


def _weights(found: ScorecardResult) -> list[str]:
    weighing = found.relationship.weighting
    shares: dict[str, float] = {}
    for name, weight in weighing.weights.items():
        shares[weighing.dimensions[name]] = shares.get(weighing.dimensions[name], 0.0) + weight
    return ["Weights: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items())]


def _stability(found: ScorecardResult) -> list[str]:
    stability = found.relationship.stability
    if stability is None:
        return []
    kept = pd.Series(stability.kept).dropna()
    return [
        f"Stability: in {stability.draws:,} draws of the weights {(kept >= 0.9).mean():.0%} of customers "
        f"keep their tier in at least nine of ten; on average {kept.mean():.0%}"
    ]


def _moves(found: ScorecardResult) -> list[str]:
    if found.history is None:
        return []
    latest, day = found.history.latest, found.history.days[-2]
    return [f"Since {day}: {latest.moved:,} customers changed their tier"]


def _targets(found: ScorecardResult) -> list[str]:
    return [
        f"Target {row['indicator']}: {row['value']:.4g} against {row['target']:.4g}, {row['verdict']}"
        if row["known"]
        else f"Target {row['indicator']}: no data"
        for row in found.targets.to_dict("records")
    ]
