"""Drivers in plain words: which features tell the same story, and how it reads with a customer's numbers.

Copied into every served model together with ``scoring.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache, reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .input_checks import Features, float_columns

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]
Columns = Mapping[str, Floats]
Sentence = Callable[[Columns, bool], Texts]

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


def driver_texts(features: Features, drivers: NDArray[Any], language: str) -> Texts:
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
    codes, names = _distinct(drivers)
    for code, driver in enumerate(names):
        rows = np.flatnonzero(codes == code)
        say, reads = _SENTENCES.get(driver, (_unknown(driver), (driver,)))
        texts[rows] = say(_columns(features, reads, rows), language == "zh")
    return texts


def _columns(features: Features, names: Sequence[str], rows: NDArray[Any]) -> Columns:
    """Read what a sentence reads; NaN where the table has no such column."""
    known = [name for name in names if name in features]
    unknown = dict.fromkeys(names, np.full(len(rows), np.nan))
    return unknown | dict(zip(known, float_columns(features, known)[rows].T, strict=True))


def _distinct(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Tell for every value which of the distinct ones it is: many customers read the same."""
    if len(values) == 1:  # grouping one value takes longer than all that is said of it
        return np.zeros(1, dtype=np.intp), values
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes, np.asarray(distinct)


@lru_cache(maxsize=2**14)  # days and counts come again and again
def _number(value: float) -> str:
    """Write a number short: whole from 10 on, else one decimal where it needs one."""
    if not math.isfinite(value):
        return "?"
    rounded = f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:,.1f}"
    return rounded.removesuffix(".0")


def _numbers(values: Floats) -> Texts:
    # Each number is written once, and those that are written alike are one.
    alike = np.where(np.abs(values) >= 10, np.round(values), values + 0.0)  # no -0
    codes, distinct = _distinct(alike)
    return np.array([_number(value) for value in distinct.tolist()], dtype=object)[codes]


def _join(*parts: str | Texts) -> Texts:
    return np.asarray(reduce(add, parts), dtype=object)


def _choose(condition: NDArray[np.bool_], yes: str | Texts, no: str | Texts) -> Texts:
    return np.where(condition, np.asarray(yes, dtype=object), np.asarray(no, dtype=object))


def _times(count: Floats, zh: bool) -> Texts:
    if zh:
        return _join(_numbers(count), " 次")
    return _join(_numbers(count), _choose(count == 1, " purchase", " purchases"))


def _days(count: Floats, zh: bool) -> Texts:
    if zh:
        return _join(_numbers(count), " 天")
    return _join(_numbers(count), _choose(count == 1, " day", " days"))


def _usual_gap(row: Columns) -> Floats:
    frequency = row["frequency"]
    mean = np.divide(row["recency"], frequency, out=np.full(len(frequency), np.nan), where=frequency > 0)
    return np.where(np.isfinite(row["gap_median"]), row["gap_median"], mean)


def _purchase_pattern(row: Columns, zh: bool) -> Texts:
    usual = _usual_gap(row)
    silence, gap = _days(row["T"] - row["recency"], zh), _days(usual, zh)
    if zh:
        once = _join("仅购买过一次，在 ", silence, "前")
        twice = _join("上次购买在 ", silence, "前；此前唯一的间隔为 ", gap)
        often = _join("上次购买在 ", silence, "前；通常每 ", gap, "购买一次")
    else:
        once = _join("bought only once, ", silence, " ago")
        twice = _join("last bought ", silence, " ago; the one gap before was ", gap)
        often = _join("last bought ", silence, " ago; usually every ", _choose(usual == 1, "day", gap))
    return _choose(~np.isfinite(usual), once, _choose(row["frequency"] == 1, twice, often))


def _rhythm(row: Columns, zh: bool) -> Texts:
    silence = _days(row["T"] - row["recency"], zh)
    last, longest = _days(row["gap_last"], zh), _days(row["gap_longest"], zh)
    if zh:
        once = _join(silence, "内没有第二次购买")
        often = _join("已 ", silence, "未购买；上次间隔 ", last, "，最长间隔 ", longest)
    else:
        once = _join("no second purchase in ", silence)
        often = _join(silence, " of silence; last gap ", last, ", longest ", longest)
    return _choose(~np.isfinite(row["gap_last"]), once, often)


def _before(row: Columns, feature: str, days: int, zh: bool) -> Texts:
    """Compare with the window before; who was no customer then did not buy less."""
    before = _numbers(row[f"{feature}_before_{days}"])
    if zh:
        said = _join(f"，此前 {days} 天 ", before, " 次" if feature == "purchases" else "")
        return _choose(row["T"] < days, "，此前还不是客户", said)
    return _choose(
        row["T"] < days, ", not yet a customer before", _join(", was ", before, f" in the {days} before")
    )


def _purchases_within(days: int) -> Sentence:
    def say(row: Columns, zh: bool) -> Texts:
        now = _times(row[f"purchases_{days}"], zh)
        said = _join(f"最近 {days} 天购买 ", now) if zh else _join(now, f" in {days} days")
        return _join(said, _before(row, "purchases", days, zh))

    return say


def _spend_within(days: int) -> Sentence:
    def say(row: Columns, zh: bool) -> Texts:
        now = _numbers(row[f"spend_{days}"])
        said = _join(f"最近 {days} 天消费 ", now) if zh else _join("spent ", now, f" in {days} days")
        return _join(said, _before(row, "spend", days, zh))

    return say


def _all_purchases(row: Columns, zh: bool) -> Texts:
    return _times(row["frequency"] + 1, zh)


def _loyalty(row: Columns, zh: bool) -> Texts:
    count, tenure = _all_purchases(row, zh), _days(row["T"], zh)
    if zh:
        return _join("成为客户 ", tenure, "，共购买 ", count)
    return _join(count, " in ", tenure, " as a customer")


def _order_value(row: Columns, zh: bool) -> Texts:
    last, mean = _numbers(row["amount_last"]), _numbers(row["amount_mean"])
    if zh:
        once, often = _join("唯一一次消费 ", last), _join("上次消费 ", last, "，平均 ", mean)
    else:
        once, often = _join("one purchase, of ", last), _join("last purchase ", last, ", on average ", mean)
    return _choose(row["frequency"] == 0, once, often)


def _order_size(row: Columns, zh: bool) -> Texts:
    last, mean = _numbers(row["lines_last"]), _numbers(row["lines_mean"])
    if zh:
        once = _join("唯一一次购买 ", last, " 行商品")
        often = _join("上次购买 ", last, " 行商品，平均 ", mean, " 行")
    else:
        lines = _join(last, _choose(row["lines_last"] == 1, " line", " lines"))
        once = _join("one purchase, of ", lines)
        often = _join("last purchase of ", lines, ", on average ", mean)
    return _choose(row["frequency"] == 0, once, often)


def _quantity(row: Columns, zh: bool) -> Texts:
    last, mean = _numbers(row["quantity_last"]), _numbers(row["quantity_mean"])
    if zh:
        once, often = _join("唯一一次购买 ", last, " 件"), _join("上次购买 ", last, " 件，平均 ", mean, " 件")
    else:
        items = _join(last, _choose(row["quantity_last"] == 1, " item", " items"))
        once, often = _join("one purchase, of ", items), _join("last bought ", items, ", on average ", mean)
    return _choose(row["frequency"] == 0, once, often)


def _season(row: Columns, zh: bool) -> Texts:
    count, year = row["purchases_last_season"], row["purchases_365"]
    if zh:
        stranger, said = "去年同期还不是客户", _join("去年同期购买 ", _times(count, zh))
        since = _join("，最近一年共 ", _times(year, zh))
    else:
        stranger = "not yet a customer in this season last year"
        said = _join(_times(count, zh), " in this season last year")
        since = _join(", ", _numbers(year), " in the whole year since")
    return _choose(np.isfinite(count), _join(said, _choose(np.isfinite(year), since, "")), stranger)


def _percent(share: Floats) -> Texts:
    codes, distinct = _distinct(share + 0.0)  # no -0
    said = [f"{100 * each:.0f} %" if math.isfinite(each) else "?" for each in distinct.tolist()]
    return np.array(said, dtype=object)[codes]


def _refunds(row: Columns, zh: bool) -> Texts:
    share, purchases = _percent(row["refund_share"]), _all_purchases(row, zh)
    if zh:
        never, some = _join(purchases, "购买从未退款"), _join(purchases, "购买中退款占消费 ", share)
    else:
        never = _join("nothing refunded of ", purchases)
        some = _join(share, " of the spend of ", purchases, " refunded")
    return _choose(row["refund_share"] == 0, never, some)


def _weekend(row: Columns, zh: bool) -> Texts:
    share, purchases, even = _percent(row["weekend_share"]), _all_purchases(row, zh), f"{200 / 7:.0f} %"
    weekend = row["weekend_share"] == 1
    if zh:
        once = _join("唯一一次购买在", _choose(weekend, "周末", "工作日"))
        often = _join(purchases, "购买中 ", share, f" 在周末（均匀分布为 {even}）")
    else:
        once = _join("one purchase, ", _choose(weekend, "at a weekend", "on a working day"))
        often = _join(share, " of ", purchases, f" at weekends (evenly spread: {even})")
    return _choose(row["frequency"] == 0, once, often)


def _margin(row: Columns, zh: bool) -> Texts:
    share, purchases = _percent(row["margin_share"]), _all_purchases(row, zh)
    if zh:
        return _join(purchases, "购买的利润率为 ", share)
    return _join("a margin of ", share, " on ", purchases)


def _breadth(name: str, en: tuple[str, str], zh_text: str) -> Sentence:
    def say(row: Columns, zh: bool) -> Texts:
        count, purchases = _numbers(row[name]), _all_purchases(row, zh)
        if zh:
            return _join(purchases, "购买涉及 ", count, f" 个{zh_text}")
        return _join(count, _choose(row[name] == 1, f" {en[0]} in ", f" {en[1]} in "), purchases)

    return say


def _unknown(driver: str) -> Sentence:
    return lambda row, zh: _join(f"{driver.replace('_', ' ')}: ", _numbers(row[driver]))


# What is said of each driver, and the features that are read for it.
_SENTENCES: dict[str, tuple[Sentence, tuple[str, ...]]] = {
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
