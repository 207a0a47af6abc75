"""A scorecard: the scores of one day and all tables computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from guanxi.data.relations.tables import last_day
from guanxi.data.usability import day_after_the_data
from guanxi.errors import DataError, HistoryError
from guanxi.params import Params
from guanxi.params.scorecard import PlaybookRule, ScorecardParams
from guanxi.periods import add_days
from guanxi.scorecard._day_tables import (
    RESULT_COLUMNS,
    DayTables,
    Reporter,
    ScorecardInputs,
    customer_table,
    day_tables,
    group_attributes,
    with_denominators,
)
from guanxi.scorecard._history import History, earlier_days, look_back
from guanxi.scorecard._notes import Note
from guanxi.scorecard.elasticities._own_data import measure_elasticities
from guanxi.scorecard.indicators import catalogue_with, refuse_taken, refuse_unknown
from guanxi.scorecard.indicators._own import Own
from guanxi.scorecard.indicators._programme import programme_table
from guanxi.scorecard.scoring._relationship import (
    Relationship,
    methods_agreement,
    own_weights,
    relationship,
    scoring_method,
)
from guanxi.scorecard.targets._indicator_targets import check_targets, refuse_targets
from guanxi.scorecard.targets._programme_targets import (
    PROGRAMME,
    Programme,
    check_programme,
    compare_programme,
)
from guanxi.scorecard.targets._reference_values import compare_with_references
from guanxi.scorecard.targets._roll_up import RollUp, check_groups, roll_up
from guanxi.scorecard.voice._voice import Voice, hear_customers
from guanxi.scorecard.watch._movements import Movements, follow_customers
from guanxi.scorecard.weights._weighting import judgement_weights, scorecard_tree
from guanxi.segments.clusters import Segmentation, find_segments
from guanxi.segments.playbook import idle_rules, playbook_conditions, summarise_actions
from guanxi.segments.summary import summarise_segments

SEGMENTATIONS = ("lifecycle_stage", "rfm_segment", "contract_segment", "matrix_cell", "group")
_MONTH_DAYS = 31


@dataclass(frozen=True)
class ScoredDay:
    """The customers of one day, scored and divided into segments.

    Attributes
    ----------
    tables : DayTables
    relationship : Relationship
    segmentation : Segmentation or None
        Found in the attributes; None without attributes.
    customers : pandas.DataFrame
        One row per customer: scores, reasons, predictions, segments, action, points, indicators.
    notes : list of str
        Indicators that are absent, constant or renormalised; playbook rules that never apply.
    """

    tables: DayTables = field(repr=False)
    relationship: Relationship = field(repr=False)
    segmentation: Segmentation | None = field(repr=False)
    customers: pd.DataFrame = field(repr=False)
    notes: list[str]


@dataclass(frozen=True)
class ScorecardResult(ScoredDay):
    """A scored day and the tables computed from it.

    Attributes
    ----------
    segments : dict of str to pandas.DataFrame
        By segmentation: size, value, churn, drivers and action of each segment.
    actions : pandas.DataFrame
        By playbook action: customers, cost, value at risk.
    roll_ups : dict of str to RollUp
        By attribute: means and tier shares with intervals.
    own_weights : dict of str to pandas.DataFrame
        By attribute, for data weights: what group-specific weights would change.
    targets, benchmarks, elasticities, agreement : pandas.DataFrame
    programme : pandas.DataFrame
        By month, or by quarter if the median gap between purchases is longer than a month: see
        :func:`guanxi.scorecard.indicators._programme.programme_table`.
    rejected : dict of str to pandas.DataFrame
        By relation table: the rejected lines, each with the rule it broke.
    history : History or None
    voice : Voice
        What customers say.
    movements : Movements
        Who moved between tiers, who will, and what is at stake.
    """

    segments: dict[str, pd.DataFrame] = field(repr=False)
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
    voice: Voice = field(repr=False)
    movements: Movements = field(repr=False)

    @property
    def as_of(self) -> date:
        """The day that was scored."""
        return self.tables.as_of

    @property
    def group_rules(self) -> pd.DataFrame:
        """Segments found in the attributes, with their rules; empty if there are none."""
        return self.segmentation.segments if self.segmentation else pd.DataFrame()


def check_parameters(params: Params) -> None:
    """Check the scorecard parameters before any data is read (ParamsError)."""
    own = params.scorecard.indicators
    refuse_taken(own, RESULT_COLUMNS)
    tree = scorecard_tree(params.scorecard.tree, own)
    refuse_taken(own, [f"{branch.name}_score" for branch in tree.children])
    judgement_weights(params.scorecard.weights, tree)
    scoring_method(params.scorecard)
    known = {**_directions(own), **PROGRAMME}
    refuse_targets(params.scorecard.targets, "scorecard.targets", known)
    refuse_unknown(params.scorecard.benchmarks, known, "scorecard.benchmarks", "indicator")
    playbook_conditions(params.playbook)


def score_day(inputs: ScorecardInputs, as_of: date, reporter: Reporter) -> ScoredDay:
    """Score the customers of a day and divide them into segments."""
    params = inputs.params
    with reporter.step(f"compute the indicators as of {as_of}"):
        tables = day_tables(inputs, as_of)
    with reporter.step("weight, score and segment the customers"):
        scored = relationship(tables.indicators, params.scorecard, seed=params.seed, language=params.language)
        segmentation = _segmentation(tables, params)
        customers = customer_table(inputs, tables, scored, segmentation)
        check_groups(customers, params.scorecard.by)
    notes = [*tables.notes, *scored.notes, *_idle_rules(customers, params.playbook)]
    return ScoredDay(tables, scored, segmentation, customers, notes)


def _idle_rules(customers: pd.DataFrame, playbook: Sequence[PlaybookRule]) -> list[str]:
    """Note the rules of the playbook that never apply."""
    return [
        Note("rule_covered" if idle.covered else "rule_matches_nobody", place=idle.place, action=idle.action)
        for idle in idle_rules(customers, playbook)
    ]


def build_scorecard(inputs: ScorecardInputs, reporter: Reporter, *, history: int = 0) -> ScorecardResult:
    """Compute a scorecard without writing anything.

    Parameters
    ----------
    inputs : ScorecardInputs
        The scorecard is as of ``params.as_of``, by default the last day of the log.
    reporter : Reporter
    history : int
        Number of earlier days to compare with, spaced one model horizon apart.

    Raises
    ------
    ParamsError, DataError, HistoryError
    """
    options = inputs.params.scorecard
    as_of = _day(inputs, reporter)
    days = earlier_days(inputs, as_of, history)
    day = score_day(inputs, as_of, reporter)
    scored, customers, indicators = day.relationship, day.customers, with_denominators(day.tables)
    past = None
    if days:
        with reporter.step(f"score {len(days)} earlier days on the same scale", extra=True):
            past = look_back(inputs, scored, days, as_of)
    with reporter.step("find out who moved, and who will"):
        movements = _movements(inputs, day, past)
    elasticities, why_not = _elasticities(inputs, as_of, reporter)
    with reporter.step("summarise what customers say"):
        voice = hear_customers(
            inputs.relations,
            customers,
            day.tables.relation_features,
            as_of,
            options.voice,
            inputs.params.seed,
        )
    earlier = past.indicators[past.days[-2]] if past else None
    # Judgement weights are the same for every group.
    weighted_by_group = options.by if options.weights.data else ()
    programme, groups = partial(_programme, inputs, day.tables), _grouped(customers, options)
    catalogue, branches = catalogue_with(options.indicators), scored.importance["dimension"].unique()
    measures = ["score", *(f"{name}_score" for name in branches), *catalogue]
    measures = [name for name in measures if name in customers.columns]
    notes = [*day.notes, *(past.notes if past else ()), *filter(None, [why_not])]
    return ScorecardResult(
        **(vars(day) | {"notes": notes}),
        segments=_segments(customers, day.tables, inputs.contracts),
        actions=summarise_actions(customers) if inputs.params.playbook else pd.DataFrame(),
        roll_ups={name: roll_up(customers, name, measures) for name in options.by},
        own_weights={name: own_weights(customers[name], scored, options) for name in weighted_by_group},
        targets=_targets(options, indicators, earlier, groups, programme),
        benchmarks=_benchmarks(options, indicators, groups, programme),
        elasticities=elasticities,
        agreement=_agreement(scored, past),
        programme=programme(None),
        rejected={
            name: lines.rejected.execute()
            for name, lines in inputs.relations.lines.items()
            if lines.rejected_by_rule
        },
        history=past,
        voice=voice,
        movements=movements,
    )


def _day(inputs: ScorecardInputs, reporter: Reporter) -> date:
    """Return the day to score, which the data must reach."""
    log = inputs.log
    if log is None:
        return inputs.params.as_of or last_day(inputs.relations) or date.today()
    as_of = inputs.params.as_of or log.last_day
    if as_of < log.first_day:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")
    later = day_after_the_data(log, as_of)
    if later is not None:
        reporter.warn(str(later))
    return as_of


def _movements(inputs: ScorecardInputs, day: ScoredDay, past: History | None) -> Movements:
    by = [name for name in inputs.params.scorecard.by if name in day.customers]
    segmentations = [name for name in SEGMENTATIONS if name in day.customers]
    own = [name for name in by if name in day.tables.relation_features.columns]
    names = list(dict.fromkeys(["tier", *segmentations, *by]))
    return follow_customers(inputs, day.relationship, day.customers, past, names, own)


def _elasticities(inputs: ScorecardInputs, as_of: date, reporter: Reporter) -> tuple[pd.DataFrame, str]:
    cutoff = add_days(as_of, -inputs.horizon_days)
    if inputs.log is None or not inputs.dated or not inputs.relations.lines or cutoff < inputs.log.first_day:
        return pd.DataFrame(), ""
    with reporter.step(f"relate drivers as of {cutoff} to later outcomes", extra=True):
        return measure_elasticities(inputs.log, inputs.relations, cutoff, inputs.horizon_days)


def _directions(own: Own) -> dict[str, bool]:
    return {name: each.higher_is_better for name, each in catalogue_with(own).items()}


def _grouped(customers: pd.DataFrame, options: ScorecardParams) -> pd.DataFrame:
    """Select the columns that targets and benchmarks are set by; ParamsError if one does not exist."""
    asked = [each.by for each in options.targets.values()]
    asked += [each.by for each in options.benchmarks.values()]
    columns = list(dict.fromkeys(name for names in asked for name in names))
    check_groups(customers, columns)
    return customers[["customer_id", *columns]]


def _targets(
    options: ScorecardParams,
    indicators: pd.DataFrame,
    earlier: pd.DataFrame | None,
    groups: pd.DataFrame,
    programme: Programme,
) -> pd.DataFrame:
    """Compare indicators of customers and of the programme with their targets."""
    own = {name: each for name, each in options.targets.items() if name not in PROGRAMME}
    directions = _directions(options.indicators)
    found = check_targets(indicators, own, earlier, groups=groups, higher_is_better=directions)
    return _together(found, check_programme(options.targets, programme, groups))


def _benchmarks(
    options: ScorecardParams, indicators: pd.DataFrame, groups: pd.DataFrame, programme: Programme
) -> pd.DataFrame:
    own = {name: each for name, each in options.benchmarks.items() if name not in PROGRAMME}
    directions = _directions(options.indicators)
    found = compare_with_references(indicators, own, groups=groups, higher_is_better=directions)
    return _together(found, compare_programme(options.benchmarks, programme, groups))


def _together(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    some = [table for table in (first, second) if len(table)]
    return pd.concat(some, ignore_index=True) if some else first


def _programme(inputs: ScorecardInputs, day: DayTables, only: set[Any] | None = None) -> pd.DataFrame:
    """Compute the programme by period, of all customers or of the given ones."""
    if inputs.log is None:
        return pd.DataFrame()
    frequency, recency = day.predictions["frequency"], day.predictions["recency"]
    gap = (recency / frequency).where(frequency > 0).median()
    log, relations = inputs.log, inputs.relations
    tables: dict[str, Any] = {
        "customers": _with_column(relations.table("customers"), "acquired_on"),
        "interactions": _with_column(relations.table("interactions"), "direction"),
        "surveys": relations.table("surveys"),
    }
    if only is not None:
        kind = day.predictions["customer_id"]
        members = log.connection.create_table(
            "members", pd.DataFrame({"customer_id": kind[kind.isin(only)]}), overwrite=True
        )
        log = replace(log, events=log.events.semi_join(members, "customer_id"))
        log = replace(log, lines=log.lines.semi_join(members, "customer_id"))
        tables = {
            name: None if table is None else table.semi_join(members, "customer_id")
            for name, table in tables.items()
        }
    return programme_table(log, day.as_of, "M" if gap <= _MONTH_DAYS else "Q", **tables)


def _with_column(table: Any, column: str) -> Any:
    return table if table is not None and column in table.columns else None


def _segments(customers: pd.DataFrame, day: DayTables, contracts: bool) -> dict[str, pd.DataFrame]:
    """Summarise each segmentation; prospects, who have no score and no value, are only counted.

    Who has no contract now may have had one, and is no prospect.
    """
    found = {
        name: summarise_segments(customers, name)
        for name in SEGMENTATIONS
        if name in customers and customers[name].notna().any()
    }
    if "lifecycle_stage" not in found or contracts:
        return found
    prospects = int((~day.relation_features["customer_id"].isin(customers["customer_id"])).sum())
    if prospects:
        row = pd.DataFrame({"lifecycle_stage": ["prospect"], "customers": [prospects]})
        found["lifecycle_stage"] = pd.concat([found["lifecycle_stage"], row], ignore_index=True)
    return found


def _segmentation(day: DayTables, params: Params) -> Segmentation | None:
    """Find segments in attributes, behaviour and attitudes; None if there are none."""
    attributes = group_attributes(day)
    if attributes is None:
        return None
    try:
        return find_segments(
            attributes, groups=params.scorecard.groups, seed=params.seed, language=params.language
        )
    except DataError:
        if params.scorecard.groups is not None:
            raise
        return None  # too few customers, or no attribute that distinguishes them


def _agreement(scored: Relationship, past: History | None) -> pd.DataFrame:
    tables = [methods_agreement(scored)]
    if past is not None:
        tables.append(past.agreement)
    return pd.concat(tables, ignore_index=True)
