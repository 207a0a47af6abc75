"""Indicators of the whole customer base, by month or quarter."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.errors import HistoryError
from guanxi.features.activity import (
    PeriodUnit,
    acquired_by_period,
    buyers_by_period,
    contacts_by_period,
    promoters_by_period,
)
from guanxi.models.proportions import wilson_interval
from guanxi.scorecard.targets._estimates import LEVEL, net_promoter_score

CONVERSION_DAYS = 30


def programme_table(
    log: TransactionLog,
    cutoff: date,
    unit: PeriodUnit = "M",
    *,
    customers: Any = None,
    interactions: Any = None,
    surveys: Any = None,
    conversion_days: int = CONVERSION_DAYS,
) -> pd.DataFrame:
    """Compute retention, churn and repeat rate; given their tables, acquisition, response, conversion, NPS.

    Parameters
    ----------
    log : TransactionLog
    cutoff : date
        The last day used; no later row is read.
    unit : {"M", "Q"}
        Calendar months or quarters: choose the one closer to the usual time between purchases.
    customers, interactions, surveys : ibis.Table, optional
        Canonical relation tables in the log's engine.
    conversion_days : int
        A contact converts if a purchase follows within this number of days.

    Returns
    -------
    pandas.DataFrame
        One row per period from the first purchase to the cutoff: ``period`` (first day), ``end`` (last day),
        ``complete`` (whether it ends by the cutoff); ``buyers``, of whom ``new, retained`` (also bought in
        the previous period) and ``reactivated`` (bought earlier, but not in the previous period);
        ``purchases, revenue``; ``retention_rate`` (retained / buyers of the previous period) with its 90 %
        interval ``_lower, _upper``, and ``churn_rate`` (1 - retention); ``repeat_rate`` (share of all buyers
        to date with more than one purchase). With customers ``acquired, acquisition_cost`` (mean of the known
        ones); with interactions ``contacts, response_rate, observed`` (contacts old enough to have converted)
        and ``conversion_rate``, both rates with intervals; with surveys ``nps, nps_lower, nps_upper,
        nps_answers``. Rates with denominator 0 are NaN.

    Raises
    ------
    HistoryError
        If there is no purchase up to the cutoff.

    References
    ----------
    Bendle, N. T., Farris, P. W., Pfeifer, P. E. and Reibstein, D. J. (2016), Marketing Metrics, 3rd ed.,
    chapters 2 (repeat rate) and 5 (customers, retention).

    Examples
    --------
    >>> from guanxi.data.transactions import read_transactions
    >>> table = programme_table(read_transactions("cdnow-sample"), date(1997, 3, 31))
    >>> table[["buyers", "new", "retained"]].to_numpy().tolist()
    [[781, 781, 0], [981, 857, 124], [948, 719, 168]]
    """

    def executed(expression: Any) -> pd.DataFrame:
        found = execute_in_order(log.connection, expression.order_by("period"))
        return found.set_index(pd.PeriodIndex(found.pop("period"), freq=unit))

    bought = executed(buyers_by_period(log.events, cutoff, unit, log.params.event_grain))
    if bought.empty:
        raise HistoryError(f"no purchase up to the cutoff {cutoff}: the data begins on {log.first_day}")
    periods = pd.period_range(bought.index[0], pd.Period(cutoff, freq=unit), freq=unit)
    parts = [_span(periods, cutoff), _retention(bought.reindex(periods, fill_value=0))]
    if customers is not None:
        parts.append(_acquisition(executed(acquired_by_period(customers, cutoff, unit)).reindex(periods)))
    if interactions is not None:
        contacts = executed(contacts_by_period(interactions, log.lines, cutoff, unit, conversion_days))
        parts.append(_contacts(contacts.reindex(periods, fill_value=0)))
    if surveys is not None:
        parts.append(
            _promoters(executed(promoters_by_period(surveys, cutoff, unit)).reindex(periods, fill_value=0))
        )
    return pd.concat(parts, axis=1).reset_index(drop=True)


def _span(periods: pd.PeriodIndex, cutoff: date) -> pd.DataFrame:
    ends = [period.end_time.date() for period in periods]
    return pd.DataFrame(
        {
            "period": [period.start_time.date() for period in periods],
            "end": ends,
            "complete": [end <= cutoff for end in ends],
        },
        index=periods,
    )


def _retention(bought: pd.DataFrame) -> pd.DataFrame:
    at_risk = bought["buyers"].shift(1).fillna(0)
    table = bought[["buyers", "new", "retained"]].assign(
        reactivated=bought["buyers"] - bought["new"] - bought["retained"],
        purchases=bought["purchases"],
        revenue=bought["revenue"].astype("float64"),
    )
    table = table.join(_rate("retention_rate", bought["retained"], at_risk))
    return table.assign(
        churn_rate=1.0 - table["retention_rate"],
        repeat_rate=bought["second"].cumsum() / bought["new"].cumsum(),
    )


def _acquisition(acquired: pd.DataFrame) -> pd.DataFrame:
    return acquired.assign(acquired=acquired["acquired"].fillna(0).astype("int64"))


def _contacts(contacts: pd.DataFrame) -> pd.DataFrame:
    responses = _rate("response_rate", contacts["responses"], contacts["contacts"])
    conversions = _rate("conversion_rate", contacts["converted"], contacts["observed"])
    return pd.concat([contacts["contacts"], responses, contacts["observed"], conversions], axis=1)


def _promoters(answers: pd.DataFrame) -> pd.DataFrame:
    up, middle, down = (answers[name] for name in ("promoters", "passives", "detractors"))
    score, lower, upper = net_promoter_score(up, middle, down)
    columns = {"nps": score, "nps_lower": lower, "nps_upper": upper, "nps_answers": answers.sum(axis=1)}
    return pd.DataFrame(columns, index=answers.index)


def _rate(name: str, hits: pd.Series[Any], count: pd.Series[Any]) -> pd.DataFrame:
    lower, upper = wilson_interval(hits, count, LEVEL)
    rate = hits / count.where(count > 0, np.nan)
    return pd.DataFrame({name: rate, f"{name}_lower": lower, f"{name}_upper": upper}, index=hits.index)
