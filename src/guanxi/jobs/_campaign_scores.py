"""Predictions before and after a campaign, always of one model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, FitError, HistoryError, ParamsError, RegistryError
from guanxi.features.rfm import rfm_expression, with_log_gaps
from guanxi.jobs.predict import _load_valuing, _score_customers
from guanxi.jobs.reporter import Reporter
from guanxi.models import GammaGamma, customer_lifetime_value
from guanxi.models.purchase_models import transaction_model
from guanxi.params import Params
from guanxi.periods import add_days, parse_date
from guanxi.pipeline.selection import fit_quietly
from guanxi.registry.aliases import CHAMPION, read_aliases
from guanxi.registry.store import open_store

_VALUE_DAYS = 365
_USUAL = "bg_nbd"


@dataclass(frozen=True)
class Scores:
    """Predictions as of any day.

    Attributes
    ----------
    score : callable
        Prediction table of all customers known on a day.
    value_days : int
        Days that its ``clv`` looks ahead.
    model_version : str
        Empty for a model fitted for the campaign.
    """

    score: Callable[[date], pd.DataFrame]
    value_days: int
    model_version: str


def campaign_scores(
    log: TransactionLog, first_day: date, model: str | None, params: Params, reporter: Reporter
) -> Scores | None:
    """Use the model named, else a champion of before the campaign, else models fitted to the days before it.

    Returns None, with a warning, where the days before support no model.

    Raises
    ------
    RegistryError, ParamsError
        If the model named cannot be used.
    """
    try:
        registered = _registered(log, first_day, model, params, reporter)
    except (RegistryError, ParamsError, HistoryError) as error:
        if model is not None:
            raise
        reporter.say(f"   the champion cannot score this source and is not used: {error}")
        registered = None
    if registered is not None:
        return registered
    try:
        with reporter.step("fit the models of before the campaign", extra=True):
            return Scores(_fitted(log, add_days(first_day, -1), params), _VALUE_DAYS, "")
    except (DataError, FitError) as error:
        reporter.warn(f"no prediction from before the campaign adjusts the estimates: {error}")
        return None


def _registered(
    log: TransactionLog, first_day: date, model: str | None, params: Params, reporter: Reporter
) -> Scores | None:
    """Score with the model named, or with a champion that knows nothing of the campaign's days."""
    if model is None and not _has_champion(params):
        return None
    loaded = _load_valuing(model, params, reporter)
    if parse_date(loaded.as_of, what="as_of") >= first_day:
        if model is None:
            reporter.say(
                f"   the champion was trained until {loaded.as_of}, after the campaign began: not used"
            )
            return None
        reporter.warn(
            f"model {model} was trained until {loaded.as_of} and knows days of the campaign, which began on "
            f"{first_day}: better name one trained before"
        )
    score = cache(lambda day: _score_customers(log, loaded, day, drivers=0))
    score(add_days(first_day, -1))  # a model that lacks features of this log is told here
    return Scores(score, loaded.horizon_days, loaded.version)


def _has_champion(params: Params) -> bool:
    try:
        return CHAMPION in read_aliases(open_store(params.mlflow, create=False, write=False))
    except RegistryError:
        return False


def _fitted(log: TransactionLog, until: date, params: Params) -> Callable[[date], pd.DataFrame]:
    """Fit purchases and spend to the days until ``until``."""
    known = _histories(log, until)
    name = params.clv.model if params.clv.model not in ("auto", "bg_bb") else _USUAL
    purchases = fit_quietly(transaction_model(name, params.clv.engine), known)
    spend = fit_quietly(GammaGamma(), known) if log.has_amounts else None

    def score(day: date) -> pd.DataFrame:
        table = _histories(log, day)
        clv = np.full(len(table), np.nan)
        if spend is not None:
            rate, margin = params.clv.annual_discount_rate, params.clv.margin
            clv = customer_lifetime_value(purchases, spend, table, _VALUE_DAYS, rate, margin)
        return pd.DataFrame(
            {
                "customer_id": table["customer_id"],
                "expected_purchases": purchases.expected_purchases(table, _VALUE_DAYS),
                "probability_alive": purchases.probability_alive(table),
                "clv": clv,
            }
        )

    return score


def _histories(log: TransactionLog, day: date) -> pd.DataFrame:
    expression = rfm_expression(log.events, day, log.params.event_grain)
    table = execute_in_order(log.connection, expression.order_by("customer_id"))
    if table.empty:
        raise DataError(f"{log.source}: nobody had bought by {day}, the day before the campaign")
    return with_log_gaps(table, log, day)
