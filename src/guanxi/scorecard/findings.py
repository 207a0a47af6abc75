"""What a scorecard finds: the customers of a day graded, and all that is worked out from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, HistoryError
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params
from guanxi.params.scorecard import ScorecardParams
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.scorecard.day_tables import DayTables, customer_table, day_tables, group_attributes
from guanxi.scorecard.elasticities.own_data import measure_elasticities
from guanxi.scorecard.history import History, earlier_days, look_back
from guanxi.scorecard.indicators.programme import programme_table
from guanxi.scorecard.scoring.relationship import Relationship, methods_agreement, own_weights, relationship
from guanxi.scorecard.targets.indicator_targets import check_targets, parse_targets
from guanxi.scorecard.targets.reference_values import compare_benchmarks, parse_benchmarks
from guanxi.scorecard.targets.roll_up import RollUp, check_groups, roll_up
from guanxi.segments.clusters import Segmentation, find_segments
from guanxi.segments.playbook import idle_rules, summarise_actions
from guanxi.segments.summary import summarise_segments

SEGMENTATIONS = ("lifecycle_stage", "rfm_segment", "matrix_cell", "group")
_MONTH_DAYS = 31


@dataclass(frozen=True)
class ScorecardResult:
    """What a scorecard found.

    Attributes
    ----------
    as_of : datetime.date
    customers : pandas.DataFrame
        One row per customer: scores, reasons, predictions, segments, action, points, indicators.
    relationship : Relationship
    segments : dict of str to pandas.DataFrame
        By what customers are divided: size, value, churn, drivers and action of each part.
    groups : pandas.DataFrame
        Segments found in the attributes, with their rules; empty without attributes.
    groups_reason : str
    actions : pandas.DataFrame
        Of the playbook: customers, cost, value at risk.
    roll_ups : dict of str to RollUp
        By attribute: means and shares of tiers with intervals.
    own_weights : dict of str to pandas.DataFrame
        By attribute, where weights come from data: what each group's own weights would change.
    targets, benchmarks, elasticities, agreement : pandas.DataFrame
    programme : pandas.DataFrame
        By month, or by quarter where customers usually buy less often: see
        :func:`guanxi.scorecard.indicators.programme.programme_table`.
    rejected : dict of str to pandas.DataFrame
        By relation table: its rejected lines, each with the rule it broke.
    history : History or None
    notes : list of str
        What is absent, constant or renormalised; rules of the playbook that nobody gets the action of.
    """

    as_of: date
    customers: pd.DataFrame = field(repr=False)
    relationship: Relationship = field(repr=False)
    segments: dict[str, pd.DataFrame] = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    groups_reason: str
    actions: pd.DataFrame = field(repr=False)
    roll_ups: dict[str, RollUp] = field(repr=False)
    own_weights: dict[str, pd.DataFrame] = field(repr=False)
    targets: pd.DataFrame = field(repr=False)
    benchmarks: pd.DataFrame = field(repr=False)
    elasticities: pd.DataFrame = field(repr=False)
    agreement: pd.DataFrame = field(repr=False)
    programme: pd.DataFrame = field(repr=False)
    rejected: dict[str, pd.DataFrame] = field(repr=False)
    history: History | None = field(repr=False)
    notes: list[str]


@dataclass(frozen=True)
class ScoredDay:
    """The customers of one day, graded: what the section of a report shows."""

    day: DayTables
    relationship: Relationship = field(repr=False)
    groups: Segmentation | None = field(repr=False)
    customers: pd.DataFrame = field(repr=False)
    notes: list[str]


def score_day(
    log: TransactionLog,
    relations: Relations,
    loaded: LoadedTransactionModel,
    as_of: date,
    params: Params,
    progress: Reporter,
    predictions: pd.DataFrame | None = None,
) -> ScoredDay:
    """Score the customers of a day and divide them into segments.

    ``predictions`` are those of the day, where they were made already.
    """
    with progress.step(f"work out the indicators as of {as_of}"):
        day = day_tables(log, relations, loaded, as_of, params, predictions)
    with progress.step("weigh, score and divide into segments"):
        scored = relationship(day.indicators, params.scorecard, seed=params.seed, language=params.language)
        groups = _groups(day, params)
        customers = customer_table(day, scored, log, loaded.window_days, params, groups)
        check_groups(customers, params.scorecard.by)
    notes = [*day.notes, *scored.notes, *idle_rules(customers, params.playbook)]
    return ScoredDay(day, scored, groups, customers, notes)


def find(
    log: TransactionLog,
    relations: Relations,
    loaded: LoadedTransactionModel,
    params: Params,
    progress: Reporter,
    *,
    history: int = 0,
) -> ScorecardResult:
    """Work out a scorecard without writing anything: see :func:`scorecard`."""
    as_of = params.as_of or log.last_day
    if as_of < log.first_day:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")
    if as_of > log.last_day:
        progress.warn(f"the data ends on {log.last_day}: everybody looks silent from there to {as_of}")
    days = earlier_days(log, as_of, loaded.horizon_days, history)
    graded = score_day(log, relations, loaded, as_of, params, progress)
    day, scored, customers = graded.day, graded.relationship, graded.customers
    past = None
    if days:
        with progress.step(f"score {len(days)} earlier days by the same measure"):
            past = look_back(log, relations, loaded, scored, days, as_of, params)
    moves, why_not = _elasticities(log, relations, as_of, loaded, progress)
    earlier = past.indicators[past.days[-2]] if past else None
    options = params.scorecard
    return ScorecardResult(
        as_of=as_of,
        customers=customers,
        relationship=scored,
        segments=_segments(customers, day),
        groups=graded.groups.segments if graded.groups else pd.DataFrame(),
        groups_reason=graded.groups.reason if graded.groups else "",
        actions=summarise_actions(customers) if params.playbook else pd.DataFrame(),
        roll_ups={name: roll_up(customers, name) for name in options.by},
        own_weights={name: own_weights(customers[name], scored, options) for name in _weighed_apart(options)},
        targets=check_targets(day.indicators, parse_targets(options.targets), earlier),
        benchmarks=compare_benchmarks(day.indicators, parse_benchmarks(options.benchmarks)),
        elasticities=moves,
        agreement=_agreement(scored, past),
        programme=_programme(log, relations, day),
        rejected={
            name: lines.rejected.execute()
            for name, lines in relations.lines.items()
            if lines.rejected_by_rule
        },
        history=past,
        notes=[*graded.notes, *(past.notes if past else ()), *filter(None, [why_not])],
    )


def _elasticities(
    log: TransactionLog, relations: Relations, as_of: date, loaded: LoadedTransactionModel, progress: Reporter
) -> tuple[pd.DataFrame, str]:
    cutoff = add_days(as_of, -loaded.horizon_days)
    if not relations.lines or cutoff < log.first_day:
        return pd.DataFrame(), ""
    with progress.step(f"relate what was known on {cutoff} to what came since"):
        return measure_elasticities(log, relations, cutoff, loaded.horizon_days)


def _programme(log: TransactionLog, relations: Relations, day: DayTables) -> pd.DataFrame:
    frequency, recency = day.predictions["frequency"], day.predictions["recency"]
    gap = (recency / frequency).where(frequency > 0).median()
    return programme_table(
        log,
        day.as_of,
        "M" if gap <= _MONTH_DAYS else "Q",
        customers=_with_column(relations.table("customers"), "acquired_on"),
        interactions=_with_column(relations.table("interactions"), "direction"),
        surveys=relations.table("surveys"),
    )


def _weighed_apart(options: ScorecardParams) -> tuple[str, ...]:
    """Name the attributes whose groups have weights of their own: judgements are the same for all."""
    return options.by if options.weights.data else ()


def _with_column(table: Any, column: str) -> Any:
    return table if table is not None and column in table.columns else None


def _segments(customers: pd.DataFrame, day: DayTables) -> dict[str, pd.DataFrame]:
    """Sum up each division; prospects, who have neither score nor value, are counted."""
    found = {
        name: summarise_segments(customers, name)
        for name in SEGMENTATIONS
        if name in customers and customers[name].notna().any()
    }
    prospects = int((~day.relation_features["customer_id"].isin(customers["customer_id"])).sum())
    if prospects:
        row = pd.DataFrame({"lifecycle_stage": ["prospect"], "customers": [prospects]})
        found["lifecycle_stage"] = pd.concat([found["lifecycle_stage"], row], ignore_index=True)
    return found


def _groups(day: DayTables, params: Params) -> Segmentation | None:
    """Segments in the attributes of the customers table, with behaviour and attitude; None without any."""
    attributes = group_attributes(day)
    if attributes is None:
        return None
    try:
        return find_segments(attributes, groups=params.scorecard.groups, seed=params.seed)
    except DataError:
        if params.scorecard.groups is not None:
            raise
        return None  # too few customers, or nothing that tells them apart


def _agreement(scored: Relationship, past: History | None) -> pd.DataFrame:
    tables = [methods_agreement(scored)]
    if past is not None:
        tables.append(past.agreement)
    return pd.concat(tables, ignore_index=True)
