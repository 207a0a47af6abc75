"""Drivers in plain words: which features tell the same story, and how it reads with a customer's numbers.

Copied into every served model together with ``scoring.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .served_inputs import Features, float_columns

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


@cache
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


def driver_texts(features: Features, drivers: NDArray[Any], language: str) -> NDArray[Any]:
    """Say each row's driver with the row's own numbers, shape (n,).

    Parameters
    ----------
    features : pandas.DataFrame or FeatureMatrix
        The feature table.
    drivers : array of str, shape (n,)
        One driver per row.
    language : {"en", "zh"}
    """
    texts = np.full(len(features), None, dtype=object)
    for driver in np.unique(drivers):
        rows = np.flatnonzero(drivers == driver)
        say, reads = _SENTENCES.get(driver, (_unknown, (driver,)))
        names = [name for name in reads if name in features]
        values = float_columns(features, names)[rows]
        first, inverse = _distinct(values)
        records = (dict(zip(names, row, strict=True)) for row in values[first].tolist())
        said = np.array([say(record, language == "zh", driver) for record in records], dtype=object)
        texts[rows] = said[inverse]
    return texts


def _distinct(values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """First of each distinct row, and for every row which of them it is: many customers read the same."""
    rows, columns = values.shape
    if rows == 1 or not columns:  # grouping a single row takes longer than all that is said of it
        return np.zeros(1, dtype=np.int64), np.zeros(rows, dtype=np.int64)
    groups = pd.DataFrame(values).groupby(list(range(columns)), sort=False, dropna=False)
    inverse = groups.ngroup().to_numpy(dtype=np.int64)
    first = np.unique(inverse, return_index=True)[1]
    return first, inverse


@lru_cache(maxsize=2**14)  # days and counts come again and again
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


def _before(row: Row, feature: str, days: int, zh: bool) -> str:
    """Compare with the window before; who was no customer then did not buy less."""
    if _get(row, "T") < days:
        return "，此前还不是客户" if zh else ", not yet a customer before"
    before = _get(row, f"{feature}_before_{days}")
    if zh:
        return f"，此前 {days} 天 {_number(before)}" + (" 次" if feature == "purchases" else "")
    return f", was {_number(before)} in the {days} before"


def _purchases_within(days: int) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        now = _times(_get(row, f"purchases_{days}"), zh)
        said = f"最近 {days} 天购买 {now}" if zh else f"{now} in {days} days"
        return said + _before(row, "purchases", days, zh)

    return say


def _spend_within(days: int) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        now = _number(_get(row, f"spend_{days}"))
        said = f"最近 {days} 天消费 {now}" if zh else f"spent {now} in {days} days"
        return said + _before(row, "spend", days, zh)

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
    count, year = _get(row, "purchases_last_season"), _get(row, "purchases_365")
    if not math.isfinite(count):
        return "去年同期还不是客户" if zh else "not yet a customer in this season last year"
    if zh:
        said = f"去年同期购买 {_times(count, zh)}"
        return said + (f"，最近一年共 {_times(year, zh)}" if math.isfinite(year) else "")
    said = f"{_times(count, zh)} in this season last year"
    return said + (f", {_number(year)} in the whole year since" if math.isfinite(year) else "")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if math.isfinite(share) else "?"


def _all_purchases(row: Row, zh: bool) -> str:
    return _times(_get(row, "frequency") + 1, zh)


def _refunds(row: Row, zh: bool, driver: str) -> str:
    share, purchases = _get(row, "refund_share"), _all_purchases(row, zh)
    if share == 0:
        return f"{purchases}购买从未退款" if zh else f"nothing refunded of {purchases}"
    if zh:
        return f"{purchases}购买中退款占消费 {_percent(share)}"
    return f"{_percent(share)} of the spend of {purchases} refunded"


def _weekend(row: Row, zh: bool, driver: str) -> str:
    share, purchases = _get(row, "weekend_share"), _all_purchases(row, zh)
    if _get(row, "frequency") == 0:
        day, day_zh = ("at a weekend", "周末") if share == 1 else ("on a working day", "工作日")
        return f"唯一一次购买在{day_zh}" if zh else f"one purchase, {day}"
    if zh:
        return f"{purchases}购买中 {_percent(share)} 在周末（均匀分布为 {_percent(2 / 7)}）"
    return f"{_percent(share)} of {purchases} at weekends (evenly spread: {_percent(2 / 7)})"


def _margin(row: Row, zh: bool, driver: str) -> str:
    share, purchases = _percent(_get(row, "margin_share")), _all_purchases(row, zh)
    return f"{purchases}购买的利润率为 {share}" if zh else f"a margin of {share} on {purchases}"


def _breadth(name: str, en: tuple[str, str], zh_text: str) -> Callable[[Row, bool, str], str]:
    def say(row: Row, zh: bool, driver: str) -> str:
        count, purchases = _get(row, name), _all_purchases(row, zh)
        if zh:
            return f"{purchases}购买涉及 {_number(count)} 个{zh_text}"
        return f"{_number(count)} {en[count != 1]} in {purchases}"

    return say


def _unknown(row: Row, zh: bool, driver: str) -> str:
    return f"{driver.replace('_', ' ')}: {_number(_get(row, driver))}"


# What is said of each driver, and the features that are read for it.
_SENTENCES: dict[str, tuple[Callable[[Row, bool, str], str], tuple[str, ...]]] = {
    "purchase_pattern": (_purchase_pattern, ("frequency", "recency", "T", "gap_median")),
    "rhythm": (_rhythm, ("recency", "T", "gap_last", "gap_longest")),
    "recent_purchases": (_purchases_within(90), ("T", "purchases_90", "purchases_before_90")),
    "yearly_purchases": (_purchases_within(365), ("T", "purchases_365", "purchases_before_365")),
    "recent_spend": (_spend_within(90), ("T", "spend_90", "spend_before_90")),
    "yearly_spend": (_spend_within(365), ("T", "spend_365", "spend_before_365")),
    "loyalty": (_loyalty, ("frequency", "T")),
    "order_value": (_order_value, ("frequency", "amount_last", "amount_mean")),
    "order_size": (_order_size, ("frequency", "lines_last", "lines_mean")),
    "quantity": (_quantity, ("frequency", "quantity_last", "quantity_mean")),
    "season": (_season, ("purchases_last_season", "purchases_365")),
    "refunds": (_refunds, ("frequency", "refund_share")),
    "weekend": (_weekend, ("frequency", "weekend_share")),
    "margin": (_margin, ("frequency", "margin_share")),
    "category_breadth": (
        _breadth("category_count", ("category", "categories"), "品类"),
        ("frequency", "category_count"),
    ),
    "channel_breadth": (
        _breadth("channel_count", ("channel", "channels"), "渠道"),
        ("frequency", "channel_count"),
    ),
}
