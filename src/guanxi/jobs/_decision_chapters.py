"""Chapters of decisions on the page of a run, from what the run has read and scored."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

import pandas as pd

from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.decisions.budget import build_plan, check_plan, plan_chapter
from guanxi.decisions.profit import customer_base_chapter
from guanxi.errors import GuanxiError, HistoryError
from guanxi.jobs.plan import _with_past_value
from guanxi.jobs.profit import _profit_inputs
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params, PlanParams
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.report.chapters import Chapter


def check_planned(params: PlanParams) -> None:
    """Refuse actions and limits that leave no plan, before anything is read (ParamsError)."""
    if params.actions:
        check_plan(params, _unlearnt(params))


def decision_chapters(
    log: TransactionLog,
    relations: Relations,
    loaded: LoadedTransactionModel,
    predictions: pd.DataFrame,
    day: date,
    params: Params,
    reporter: Reporter,
) -> list[Chapter]:
    """Write the chapters that the data allow; why one is missing is a warning, not an end of the run."""
    chapters = []
    try:
        # A log whose last period is empty has no customer base to describe.
        with suppress(HistoryError):
            chapters += _customer_base(log, relations, predictions, day, params, reporter)
    except GuanxiError as error:
        reporter.warn(f"no chapter on the customer base: {error}")
    try:
        chapters += _plan(log, loaded, predictions, day, params, reporter)
    except GuanxiError as error:
        reporter.warn(f"no chapter on the plan: {error}")
    return chapters


def _customer_base(
    log: TransactionLog,
    relations: Relations,
    predictions: pd.DataFrame,
    day: date,
    params: Params,
    reporter: Reporter,
) -> list[Chapter]:
    if not log.has_amounts:
        return []
    with (
        reporter.step("audit the customer base", extra=True),
        _profit_inputs(log, relations, predictions, day, params) as inputs,
    ):
        return [customer_base_chapter(inputs)]


def _plan(
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    predictions: pd.DataFrame,
    day: date,
    params: Params,
    reporter: Reporter,
) -> list[Chapter]:
    planned = params.plan
    if not planned.actions:
        return []
    unlearnt, found = _unlearnt(planned), None
    known = tuple(each for each in planned.actions if each.action not in unlearnt)
    with reporter.step("plan the actions", extra=True):
        if known:
            found = build_plan(
                _with_past_value(predictions, log, loaded, day),
                planned.model_copy(update={"actions": known}),
                day=day,
                horizon_days=loaded.horizon_days,
                seed=params.seed,
                language=params.language,
            )
        return [plan_chapter(found, unlearnt, params.language)]


def _unlearnt(params: PlanParams) -> list[str]:
    return [each.action for each in params.actions if each.save_rate is None]
