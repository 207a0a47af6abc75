"""Gains of actions learnt from a past campaign, for today's customers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.campaigns import CampaignLines, read_campaign
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog
from guanxi.decisions.budget import LearntGain, gain_of_uplift
from guanxi.decisions.uplift import learn_uplift
from guanxi.errors import DataError, HistoryError
from guanxi.evaluation.realised_performance import outcomes
from guanxi.features.snapshots import features_at
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params, PlanAction
from guanxi.periods import add_days
from guanxi.registry.loaded_model import LoadedTransactionModel

_CONTROLS = ("control", "holdout")
_MOST_DAYS = 31  # each needs the features and outcomes of that day
_TREATED, _ARM, _OUTCOME = "treated", "arm of the campaign", "bought"


def learnt_gains(
    file: Source,
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    customers: pd.DataFrame,
    params: Params,
    day: date,
    reporter: Reporter,
) -> dict[str, LearntGain]:
    """Learn who buys within the horizon because of each action that has no save rate.

    Learnt from what was known the day before the campaign, and applied to what is known on ``day``.

    Raises
    ------
    SourceError
    DataError
        If the file has no day, no control or no customers of an action.
    HistoryError
        If the horizon after the campaign is not over.
    """
    with reporter.step("read the campaign", extra=True):
        lines = read_campaign(file, params.campaign.columns, params.data, log)
    table = _learnt_from(lines, log, loaded, params, day)
    now = features_at(log, day, loaded.window_days).set_index("customer_id")
    features = list(now.columns)
    today = now.loc[customers["customer_id"], features].reset_index(drop=True)
    gains = {}
    for action in params.plan.actions:
        if action.save_rate is None:
            with reporter.step(f"learn who responds to {action.action}", extra=True):
                rows = _rows_of(action, table, params, lines.source)
                found = learn_uplift(
                    rows,
                    _ARM,
                    _OUTCOME,
                    features,
                    randomised=params.campaign.randomised == "true",
                    seed=params.seed,
                )
                uplift = found.predict(today)
                common = found.test.common_error(uplift["uplift"].to_numpy())
                gains[action.action] = gain_of_uplift(uplift, customers, common)
    return gains


def _learnt_from(
    lines: CampaignLines, log: TransactionLog, loaded: LoadedTransactionModel, params: Params, day: date
) -> pd.DataFrame:
    """Join what was known the day before each customer's campaign, and whether the customer bought after."""
    table, horizon = lines.table[~lines.table["arm"].isin(params.campaign.leave_out)], loaded.horizon_days
    twice = table.loc[table["customer_id"].duplicated(), "customer_id"]
    if len(twice):
        raise DataError(
            f"{lines.source}: customer {twice.iloc[0]!r} has several lines (so have {twice.nunique():,} in "
            "all): keep the first contact of each"
        )
    parts = []
    for first, rows in table.groupby(_days(lines.source, table, params), sort=True):
        before = add_days(pd.Timestamp(str(first)).date(), -1)
        if add_days(before, horizon) > day:
            raise HistoryError(
                f"{lines.source}: the {horizon} days after the campaign end on {add_days(before, horizon)}, "
                f"and the data on {day}: learn from it later, or from an earlier one"
            )
        then = features_at(log, before, loaded.window_days)
        part = rows.merge(then, on="customer_id", suffixes=("_of_file", ""))
        bought = outcomes(log, before, horizon)["customer_id"]
        parts.append(part.assign(**{_OUTCOME: part["customer_id"].isin(bought).astype(int)}))
    return pd.concat(parts, ignore_index=True)


def _days(source: str, table: pd.DataFrame, params: Params) -> pd.Series:
    """Return the day of each line: its own, else that of the campaign."""
    days = pd.Series(pd.NaT, index=table.index, dtype="datetime64[s]")
    if "date" in table:
        days = pd.to_datetime(table["date"]).astype("datetime64[s]")
    known = days.dropna().unique()
    usual = params.campaign.day or (known[0] if len(known) == 1 else None)
    if usual is not None:
        days = days.fillna(pd.Timestamp(usual))
    if days.isna().any():
        raise DataError(
            f"{source}: no column date says when the campaign was, or not on all lines: set campaign.day"
        )
    if days.nunique() > _MOST_DAYS:
        raise DataError(
            f"{source}: the campaign has {days.nunique():,} different days: give one of at most {_MOST_DAYS} "
            "to learn from"
        )
    return days


def _rows_of(action: PlanAction, table: pd.DataFrame, params: Params, source: str) -> pd.DataFrame:
    """Select the action's arm and the control; of a plan, those for whom the action was chosen."""
    wanted = action.arm or action.action
    usual = [name for name in set(table["arm"]) if str(name).lower() in _CONTROLS]
    controls = usual if params.campaign.control is None else [params.campaign.control]
    control = table["arm"].isin(controls)
    treated = table["arm"] == wanted
    if not treated.any() and "action" in table:
        chosen = table["action"] == wanted
        control, treated = control & chosen, (table["arm"] == _TREATED) & chosen
    for name, rows in (("in the arm", treated), ("in a control for", control)):
        if not rows.any():
            raise DataError(
                f"{source}: nobody {name} {wanted!r} had bought before the campaign: the arms "
                f"are {_listed(table['arm'])}; name one with arm in plan.actions, "
                "or set campaign.control"
            )
    found = table[treated | control].copy()
    found[_ARM] = treated.map({True: wanted, False: "control"})
    return found


def _listed(names: pd.Series[Any]) -> str:
    return ", ".join(sorted(map(str, names.unique())))
