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
    with reporter.step("read the campaign"):
        lines = read_campaign(file, params.campaign.columns, params.data, log)
    before = add_days(_first_day(lines, params), -1)
    horizon = loaded.horizon_days
    if add_days(before, horizon) > day:
        raise HistoryError(
            f"{lines.source}: the {horizon} days after the campaign end on {add_days(before, horizon)}, and "
            f"the data on {day}: learn from it later, or from an earlier one"
        )
    then = features_at(log, before, loaded.window_days)
    bought = outcomes(log, before, horizon)["customer_id"]
    table = lines.table.merge(then, on="customer_id", suffixes=("_of_file", ""))
    table[_OUTCOME] = table["customer_id"].isin(bought).astype(int)
    features = [name for name in then.columns if name != "customer_id"]
    now = features_at(log, day, loaded.window_days).set_index("customer_id")
    today = now.loc[customers["customer_id"], features].reset_index(drop=True)
    gains = {}
    for action in params.plan.actions:
        if action.save_rate is None:
            with reporter.step(f"learn who responds to {action.action}"):
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


def _first_day(lines: CampaignLines, params: Params) -> date:
    if "date" in lines.table and lines.table["date"].notna().any():
        first: date = pd.Timestamp(lines.table["date"].min()).date()
        return first
    if params.campaign.day is None:
        raise DataError(f"{lines.source}: no column date says when the campaign was: set campaign.day")
    return params.campaign.day


def _rows_of(action: PlanAction, table: pd.DataFrame, params: Params, source: str) -> pd.DataFrame:
    """Select the action's arm and the control; of a plan, those for whom the action was chosen."""
    wanted = action.arm or action.action
    controls = _CONTROLS if params.campaign.control is None else (params.campaign.control,)
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
