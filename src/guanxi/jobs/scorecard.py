"""``guanxi scorecard``: every customer's relationship in one score, with weights and reasons."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from guanxi.data.contracts.payments import payments
from guanxi.data.relations.tables import Relations, read_relations
from guanxi.data.sinks import files
from guanxi.data.sinks.file_sets import LOCK
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.relations.own_values import own_values
from guanxi.jobs._contract_log import contract_day, open_contracts
from guanxi.jobs._contract_payments import customers_of, score_payments
from guanxi.jobs._opened_log import show_findings, source_name
from guanxi.jobs._parts import only_writer
from guanxi.jobs._predict_labels import labelled_scoring
from guanxi.jobs.predict import _load_checked, _score_customers
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.job_log import log_result
from guanxi.registry.loaded_model import LoadedContractModel, LoadedLabelModel, LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.store import answering, open_store
from guanxi.scorecard import (
    ScorecardInputs,
    ScorecardResult,
    build_scorecard,
    check_folder,
    check_parameters,
    run_record,
    without_purchases,
    write_results,
)
from guanxi.segments.summary import TIERS
from guanxi.served.texts import MISSING

Build = Callable[[ScorecardInputs], ScorecardResult]

_WATCHED = {"fell": "fell", "will_fall": "will probably fall", "leaving": "leaving", "rose": "rose"}


@advises_in_python()
@leave_mlflow_alone()
def scorecard(
    source: Source | None,
    folder: str | Path = "scorecard",
    params: Params | None = None,
    progress: bool | Reporter = False,
    *,
    model: str | None = None,
    history: int = 0,
) -> ScorecardResult:
    """Score every customer's relationship; write and log the results.

    Parameters
    ----------
    source : str, path or table, optional
        Transactions, or the customers' attributes for a model of labels; the relation tables are named by
        ``params.relations``. None: without purchases, the customers of the relation tables.
    folder : path
        Where ``scorecard.parquet`` and the other files go.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.
    model : str, optional
        Default: the champion.
    history : int
        Number of earlier days to compare with, one horizon of the model apart.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.scorecard("sales.csv").customers["tier"].value_counts()  # doctest: +SKIP
    """
    params = override(load_params() if params is None else params, {})
    folder, reporter = files.output_path(folder), reporter_of(progress)
    reporter.expect(7 if source is None else 8)
    check_folder(folder)
    check_parameters(params)
    build = partial(build_scorecard, reporter=reporter, history=history)
    if source is None:
        return _published(
            _of_relations(params, reporter, build),
            folder,
            params,
            reporter,
            source="relations",
            version="none",
        )
    loaded = replace(_load_checked(model, params, reporter), language=params.language)
    if isinstance(loaded, LoadedLabelModel):
        found = _of_labels(source, loaded, params, reporter, build)
    elif isinstance(loaded, LoadedContractModel):
        found = _of_contracts(source, loaded, params, reporter, build)
    else:
        found = _of_purchases(source, loaded.of_transactions(), params, reporter, build)
    return _published(found, folder, params, reporter, source=source_name(source), version=loaded.version)


def _of_relations(params: Params, reporter: Reporter, build: Build) -> ScorecardResult:
    """Score the customers of the relation tables, of whom no purchase is known."""
    with reporter.step("read the relation tables"):
        relations = read_relations(params)
    try:
        _show_warnings(relations, reporter)
        if not any(lines.customers for lines in relations.lines.values()):
            raise DataError("no relation table names a customer: give sources under relations")

        def score(day: date) -> pd.DataFrame:
            return without_purchases(_customers_of(relations, day), day)

        return build(ScorecardInputs(None, relations, score, 0, 0, 1.0, params))
    finally:
        relations.close()


def _customers_of(relations: Relations, day: date) -> pd.DataFrame:
    """List the customers of any relation table up to a day; without purchases, identifiers are text."""
    tables = (relation_features(relations, day), own_values(relations, day))
    ids = pd.concat([table["customer_id"].astype("str") for table in tables])
    return ids.drop_duplicates().sort_values(ignore_index=True).to_frame()


def _of_labels(
    source: Source, loaded: LoadedLabelModel, params: Params, reporter: Reporter, build: Build
) -> ScorecardResult:
    """Score customers whose churn a model of labels predicts from their attributes."""
    scoring = labelled_scoring(loaded, source, params, None, params.drivers.top, reporter)
    predictions = scoring.whole()
    predictions["customer_id"] = predictions["customer_id"].astype("str")  # as in the relation tables
    with reporter.step("read the relation tables", extra=True):
        relations = read_relations(params)
    try:
        _show_warnings(relations, reporter)
        return build(
            ScorecardInputs(
                None, relations, lambda day: without_purchases(predictions, day), 0, 0, 1.0, params
            )
        )
    finally:
        relations.close()


def _show_warnings(relations: Relations, reporter: Reporter) -> None:
    for warning in relations.warnings:
        reporter.warn(warning)


def _published(
    found: ScorecardResult, folder: Path, params: Params, reporter: Reporter, *, source: str, version: str
) -> ScorecardResult:
    """Write and log the results."""
    with only_writer(str(folder), folder / LOCK):
        page = write_results(folder, found, params, reporter, source=source, model_version=version)
    with reporter.step("log the scorecard"):
        tags = {"model_version": version, "source": source, "as_of": found.as_of.isoformat()}
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
    build: Build,
) -> ScorecardResult:
    with reporter.step(f"read {source_name(source)} and the relation tables"):
        log = read_transactions(source, params.data)
        relations = read_relations(params, log)
    try:
        show_findings(log, reporter)
        _show_warnings(relations, reporter)
        return build(_scorecard_inputs(log, relations, loaded, params))
    finally:
        log.close()


def _of_contracts(
    source: Source,
    loaded: LoadedContractModel,
    params: Params,
    reporter: Reporter,
    build: Build,
) -> ScorecardResult:
    """Build the scorecard of contracts, each period of which counts as a purchase of its amount."""
    log = open_contracts(source, params, reporter)
    try:
        day = contract_day(log, params, reporter)
        with reporter.step("read the payments and the relation tables", extra=True):
            paid = payments(log, day)
            given = None if params.relations.customers.source else customers_of(log)
            relations = read_relations(params, paid, tables=given)
        _show_warnings(relations, reporter)
        score = score_payments(log, paid, loaded, params.drivers.top)
        margin, days = loaded.served.lifetime_value.margin, loaded.horizon_days
        dated = override(params, {"as_of": day})
        told = log.form != "customers"  # such a file tells of one day
        return build(
            ScorecardInputs(paid, relations, score, days, days, margin, dated, contracts=True, dated=told)
        )
    finally:
        log.close()


def _scorecard_inputs(
    log: TransactionLog,
    relations: Relations,
    loaded: LoadedTransactionModel,
    params: Params,
    predictions: pd.DataFrame | None = None,
) -> ScorecardInputs:
    """Collect the inputs of a scorecard; the model scores each requested day unless predictions are given."""

    def score(day: date) -> pd.DataFrame:
        return _score_customers(log, loaded, day, drivers=params.drivers.top)

    return ScorecardInputs(
        log,
        relations,
        score if predictions is None else lambda _: predictions,
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
                f"  {tier:<8} {len(rows):>10,} {rows['score'].mean():>7.1f} {_share(share):>7} "
                f"{_share(rows['churn_probability'].mean()):>7}"
            )
    lines += ["", *_weights(found), *_stability(found), *_moves(found), *_targets(found)]
    if found.notes:
        lines += ["", "Notes:", *(f"  - {note}" for note in found.notes)]
    return "\n".join([*lines, "", f"Results: {folder}/scorecard.parquet, .csv, .html and more"])


def _share(share: float) -> str:
    return MISSING if pd.isna(share) else f"{share:.0%}"


def alarms(found: ScorecardResult, on: str) -> list[str]:
    """Name the indicators at their warning level or without data; with ``target`` also those that miss it."""
    verdicts = ("warning", "unknown", *(("missed",) if on == "target" else ()))
    rows = found.targets[found.targets["verdict"].isin(verdicts)]
    return [_of_group(row) for row in rows.to_dict("records")]


def _of_group(row: Mapping[Hashable, Any]) -> str:
    """Name of an indicator, with the group if it is that of one."""
    return str(row["indicator"]) if pd.isna(row["by"]) else f"{row['indicator']} ({row['by']} {row['group']})"


def _weights(found: ScorecardResult) -> list[str]:
    weighing = found.relationship.weighting
    shares: dict[str, float] = {}
    for name, weight in weighing.weights.items():
        shares[weighing.dimensions[name]] = shares.get(weighing.dimensions[name], 0.0) + weight
    importance = found.relationship.importance
    branches = importance[importance["indicator"].isna()].set_index("dimension")["effective"]
    lines = ["Weights: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items())]
    if branches.notna().all():
        explained = ", ".join(f"{name} {share:z.0%}" for name, share in branches.items())
        lines.append(f"Share of the differences between scores: {explained}")
    return lines


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
    kinds = found.movements.watch["movement"].value_counts()
    told = ", ".join(f"{kinds.get(kind, 0):,} {word}" for kind, word in _WATCHED.items())
    return [
        f"Since {day}: {latest.moved:,} customers changed their tier",
        f"To watch: {told} (watch.parquet)",
    ]


def _targets(found: ScorecardResult) -> list[str]:
    return [
        f"Target {_of_group(row)}: {row['value']:.4g} against {row['target']:.4g}, {row['verdict']}"
        if row["known"]
        else f"Target {_of_group(row)}: no data"
        for row in found.targets.to_dict("records")
    ]
