"""A loyalty programme added to the answer about profit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pandas as pd

from guanxi.data.transactions import TransactionLog
from guanxi.decisions.answer import Answer
from guanxi.decisions.loyalty._loyalty_chapter import loyalty_chapter, loyalty_figures, loyalty_tables
from guanxi.decisions.loyalty._programme_economics import loyalty_economics
from guanxi.params import Params

TABLES = ("loyalty_years", "loyalty_breakage", "loyalty_members", "loyalty_balance")


def add_loyalty(
    answer: Answer, log: TransactionLog, points: pd.DataFrame, params: Params, as_of: date
) -> Answer:
    """Add the chapter, tables and figures of a loyalty programme to an answer.

    Parameters
    ----------
    answer : Answer
    log : TransactionLog
    points : pandas.DataFrame
        ``customer_id, date, earned`` and optionally ``redeemed, expired``.
    params : Params
        ``loyalty``, ``clv.margin`` (where the log has no margin), ``clv.interval``, ``horizon_days`` and
        ``language``.
    as_of : datetime.date

    Raises
    ------
    DataError
        As :func:`loyalty_economics`.
    """
    margin = _margin(log, params, as_of)
    found = loyalty_economics(
        log,
        points,
        params.loyalty,
        as_of=as_of,
        days=params.horizon_days,
        margin=margin,
        level=params.clv.interval,
    )
    chapter = loyalty_chapter(found, params.loyalty, as_of=as_of, margin=margin, language=params.language)
    metrics = {
        "points_redeemed_share": found.redeemed_share,
        "deferred_revenue": found.deferred,
        "break_even_uplift": found.break_even,
    }
    return replace(
        answer,
        chapters=[*answer.chapters, chapter],
        tables={**answer.tables, **loyalty_tables(found)},
        metrics={**answer.metrics, **metrics},
        figures={**answer.figures, **loyalty_figures(found, params.language)},
    )


def _margin(log: TransactionLog, params: Params, as_of: date) -> float:
    """Share of the amounts that is margin, within what a margin can be."""
    if "margin" not in log.events.columns:
        return params.clv.margin
    events = log.events.filter(log.events.date <= as_of)
    margin, amount = (float(events[name].sum().execute() or 0.0) for name in ("margin", "amount"))
    return min(margin / amount, 1.0) if margin > 0 and amount > 0 else params.clv.margin
