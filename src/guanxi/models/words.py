"""Drivers in plain words: which features tell the same story, and how it reads with a customer's numbers.

Copied into every served model together with ``scoring.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Row = Mapping[Any, Any]

_DRIVER_PREFIXES = (
    ("purchases_last_season", "season"),
    ("purchases_decayed", "recent_purchases"),
    ("purchases_180", "yearly_purchases"),
    ("purchases_before_180", "yearly_purchases"),
    ("purchases_365", "yearly_purchases"),
    ("purchases_before_365", "yearly_purchases"),
    ("spend_180", "yearly_spend"),
    ("spend_before_180", "yearly_spend"),
    ("spend_365", "yearly_spend"),
    ("spend_before_365", "yearly_spend"),
    ("purchases_", "recent_purchases"),
    ("spend_", "recent_spend"),
    ("gap_", "rhythm"),
    ("days_since_last", "rhythm"),
    ("silence_ratio", "rhythm"),
    ("recency", "rhythm"),
    ("frequency", "loyalty"),
    ("T", "loyalty"),
    ("monetary_value", "order_value"),
    ("amount_", "order_value"),
    ("lines_", "order_size"),
    ("orders_", "order_size"),
    ("quantity_", "quantity"),
    ("refund_share", "refunds"),
    ("weekend_share", "weekend"),
    ("margin_share", "margin"),
    ("category_", "category_breadth"),
    ("channel_", "channel_breadth"),
)


def driver_of(feature: str) -> str:
    """Name the driver a feature belongs to: features that say the same in other words are one driver.

    Examples
    --------
    >>> driver_of("spend_trend_90")
    'recent_spend'
    """
    for prefix, driver in _DRIVER_PREFIXES:
        if feature == prefix or (prefix.endswith(("_", "decayed", "365")) and feature.startswith(prefix)):
            return driver
    return feature


def driver_texts(features: pd.DataFrame, drivers: NDArray[Any], language: str) -> NDArray[Any]:
    """Say each row's driver with the row's own numbers, shape (n,).

    Parameters
    ----------
    features : pandas.DataFrame
        The feature table.
    drivers : array of str, shape (n,)
        One driver per row.
    language : {"en", "zh"}
    """
    texts = np.full(len(features), None, dtype=object)
    for driver in np.unique(drivers):
        rows = np.flatnonzero(drivers == driver)
        say = _SENTENCES.get(driver, _unknown)
        used = features.iloc[rows].drop(columns="customer_id", errors="ignore")
        records = used.to_dict("records")
        texts[rows] = [say(record, language == "zh", driver) for record in records]
    return texts


def _number(value: float) -> str:
    """Write a number short: whole from 10 on, else one decimal where it needs one."""
    if not math.isfinite(value):
        return "?"
    rounded = f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:,.1f}"
    return rounded.removesuffix(".0")


def _get(row: Row, name: str) -> float:
    value = row.get(name)
    return math.nan if value is None else float(value)


def _times(count: float, zh: bool) -> str:
    if zh:
        return f"{_number(count)} 次"
    return f"{_number(count)} purchase" + ("" if count == 1 else "s")


def _days(count: float, zh: bool) -> str:
    if zh:
        return f"{_number(count)} 天"
    return f"{_number(count)} day" + ("" if count == 1 else "s")


def _usual_gap(row: Row) -> float:
    median = _get(row, "gap_median")
    if math.isfinite(median):
        return median
    frequency = _get(row, "frequency")
    return _get(row, "recency") / frequency if frequency > 0 else math.nan


def _purchase_pattern(row: Row, zh: bool, driver: str) -> str:
    silence, usual = _get(row, "T") - _get(row, "recency"), _usual_gap(row)
    if not math.isfinite(usual):
        return (
            f"仅购买过一次，在 {_days(silence, zh)}前"
            if zh
            else f"bought only once, {_days(silence, zh)} ago"
        )
    if _get(row, "frequency") == 1:
        if zh:
            return f"上次购买在 {_days(silence, zh)}前；此前唯一的间隔为 {_days(usual, zh)}"
        return f"last bought {_days(silence, zh)} ago; the one gap before was {_days(usual, zh)}"
    if zh:
        return f"上次购买在 {_days(silence, zh)}前；通常每 {_days(usual, zh)}购买一次"
    every = "every day" if usual == 1 else f"every {_days(usual, zh)}"
    return f"last bought {_days(silence, zh)} ago; usually {every}"


def _rhythm(row: Row, zh: bool, driver: str) -> str:
    last, longest = _get(row, "gap_last"), _get(row, "gap_longest")
    silence = _get(row, "T") - _get(row, "recency")
    if not math.isfinite(last):
        return (
            f"{_days(silence, zh)}内没有第二次购买" if zh else f"no second purchase in {_days(silence, zh)}"
        )
    if zh:
        return f"已 {_days(silence, zh)}未购买；上次间隔 {_days(last, zh)}，最长间隔 {_days(longest, zh)}"
    return f"{_days(silence, zh)} of silence; last gap {_days(last, zh)}, longest {_days(longest, zh)}"


def _purchases_within(days: int) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        now, before = _get(row, f"purchases_{days}"), _get(row, f"purchases_before_{days}")
        if zh:
            return f"最近 {days} 天购买 {_times(now, zh)}，此前 {days} 天 {_times(before, zh)}"
        return f"{_times(now, zh)} in {days} days, was {_number(before)} in the {days} before"

    return say


def _spend_within(days: int) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        now, before = _get(row, f"spend_{days}"), _get(row, f"spend_before_{days}")
        if zh:
            return f"最近 {days} 天消费 {_number(now)}，此前 {days} 天 {_number(before)}"
        return f"spent {_number(now)} in {days} days, was {_number(before)} in the {days} before"

    return say


def _loyalty(row: Row, zh: bool, driver: str) -> str:
    count, tenure = _get(row, "frequency") + 1, _get(row, "T")
    if zh:
        return f"成为客户 {_days(tenure, zh)}，共购买 {_times(count, zh)}"
    return f"{_times(count, zh)} in {_days(tenure, zh)} as a customer"


def _order_value(row: Row, zh: bool, driver: str) -> str:
    last, mean = _get(row, "amount_last"), _get(row, "amount_mean")
    if _get(row, "frequency") == 0:
        return f"唯一一次消费 {_number(last)}" if zh else f"one purchase, of {_number(last)}"
    if zh:
        return f"上次消费 {_number(last)}，平均 {_number(mean)}"
    return f"last purchase {_number(last)}, on average {_number(mean)}"


def _order_size(row: Row, zh: bool, driver: str) -> str:
    last, mean = _get(row, "lines_last"), _get(row, "lines_mean")
    if _get(row, "frequency") == 0:
        many = "" if last == 1 else "s"
        return (
            f"唯一一次购买 {_number(last)} 行商品" if zh else f"one purchase, of {_number(last)} line{many}"
        )
    if zh:
        return f"上次购买 {_number(last)} 行商品，平均 {_number(mean)} 行"
    return f"last purchase of {_number(last)} line{'' if last == 1 else 's'}, on average {_number(mean)}"


def _quantity(row: Row, zh: bool, driver: str) -> str:
    last, mean = _get(row, "quantity_last"), _get(row, "quantity_mean")
    if _get(row, "frequency") == 0:
        many = "" if last == 1 else "s"
        return f"唯一一次购买 {_number(last)} 件" if zh else f"one purchase, of {_number(last)} item{many}"
    if zh:
        return f"上次购买 {_number(last)} 件，平均 {_number(mean)} 件"
    return f"last bought {_number(last)} item{'' if last == 1 else 's'}, on average {_number(mean)}"


def _season(row: Row, zh: bool, driver: str) -> str:
    count = _get(row, "purchases_last_season")
    if not math.isfinite(count):
        return "去年同期还不是客户" if zh else "not yet a customer in this season last year"
    if zh:
        return f"去年同期购买 {_times(count, zh)}"
    return f"{_times(count, zh)} in this season last year"


def _share(name: str, en: str, zh_text: str) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        value = _get(row, name)
        percent = f"{100 * value:.0f} %" if math.isfinite(value) else "?"
        return (zh_text if zh else en).format(percent)

    return say


def _breadth(name: str, en: tuple[str, str], zh_text: str) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        count = _get(row, name)
        return zh_text.format(_number(count)) if zh else f"{_number(count)} {en[count != 1]}"

    return say


def _unknown(row: Row, zh: bool, driver: str) -> str:
    return f"{driver.replace('_', ' ')}: {_number(_get(row, driver))}"


_SENTENCES: dict[str, Callable[[Row, bool, str], str]] = {
    "purchase_pattern": _purchase_pattern,
    "rhythm": _rhythm,
    "recent_purchases": _purchases_within(90),
    "yearly_purchases": _purchases_within(365),
    "recent_spend": _spend_within(90),
    "yearly_spend": _spend_within(365),
    "loyalty": _loyalty,
    "order_value": _order_value,
    "order_size": _order_size,
    "quantity": _quantity,
    "season": _season,
    "refunds": _share("refund_share", "{} of spend refunded", "退款占消费 {}"),
    "weekend": _share("weekend_share", "{} of purchases at weekends", "{} 的购买在周末"),
    "margin": _share("margin_share", "a margin of {}", "利润率 {}"),
    "category_breadth": _breadth(
        "category_count", ("category bought", "categories bought"), "购买过 {} 个品类"
    ),
    "channel_breadth": _breadth("channel_count", ("channel used", "channels used"), "使用过 {} 个渠道"),
}
