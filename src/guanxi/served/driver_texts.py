"""Descriptions of churn drivers: groups of related features, in sentences with the customer's own numbers.

The sentences are in ``en.toml`` and ``zh.toml``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .input_checks import Features, _float_columns
from .text_columns import Texts, chosen, gathered, joined, taken
from .texts import _short_number, _short_percent, texts

Floats = NDArray[np.float64]
Columns = Mapping[str, Floats]

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
    """Name the driver of a feature: closely related features form one driver.

    Examples
    --------
    >>> driver_of("spend_trend_90")
    'recent_spend'
    """
    for prefix, driver in _DRIVER_PREFIXES:
        if feature == prefix or (prefix.endswith(("_", "decayed", "365")) and feature.startswith(prefix)):
            return driver
    return feature


def _driver_texts(features: Features, drivers: NDArray[Any], language: str) -> Texts:
    """Describe each row's driver with the row's own numbers, shape (n,).

    Parameters
    ----------
    features : pandas.DataFrame or _FeatureMatrix
        The feature table.
    drivers : array of str, shape (n,)
        One driver per row.
    language : {"en", "zh"}
    """
    codes, names = _distinct(drivers)
    parts = []
    for code, driver in enumerate(names):
        rows = np.flatnonzero(codes == code)
        parts.append((rows, _describe(features, driver, rows, language)))
    return gathered(len(features), parts)


def _describe(features: Features, driver: str, rows: NDArray[np.intp], language: str) -> Texts:
    """Describe a driver of some rows."""
    sentence, reads = _SENTENCES.get(driver, (_unknown(driver), (driver,)))
    return sentence(_columns(features, reads, rows), _Phrasebook(texts(__package__, language)))


def _columns(features: Features, names: Sequence[str], rows: NDArray[Any]) -> Columns:
    """Columns of a sentence; NaN if the table lacks one."""
    unknown = np.full(len(rows), np.nan)
    return {
        name: _float_columns(features, [name])[rows, 0] if name in features else unknown for name in names
    }


def _distinct(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Index of each value among the distinct ones, and these."""
    if len(values) == 1:  # faster than grouping
        return np.zeros(1, dtype=np.intp), values
    codes, distinct = pd.factorize(values, use_na_sentinel=False)
    return codes, np.asarray(distinct)


_short_number = lru_cache(maxsize=2**14)(_short_number)  # days and counts recur often


def _numbers(values: Floats) -> Texts:
    # Numbers with the same text are formatted once.
    alike = np.where(np.abs(values) >= 10, np.round(values), values + 0.0)  # no -0
    codes, distinct = _distinct(alike)
    return taken([_short_number(value) for value in distinct.tolist()], codes)


def _percent(share: Floats) -> Texts:
    codes, distinct = _distinct(share + 0.0)  # no -0
    return taken([_short_percent(value) for value in distinct.tolist()], codes)


@cache
def _pieces(template: str) -> list[tuple[str, str | None]]:
    """Split a sentence into literal texts, each with the name of the placeholder that follows."""
    return [(literal, name) for literal, name, *_ in Formatter().parse(template)]


def _fill(template: str, parts: Mapping[str, str | Texts]) -> Texts:
    return joined(
        piece
        for literal, name in _pieces(template)
        for piece in (literal, "" if name is None else parts[name])
    )


class _Phrasebook:
    """Sentences of one language, filled in for many customers at once."""

    def __init__(self, texts: Mapping[str, Any]) -> None:
        self._phrases: Mapping[str, Sequence[str]] = texts["phrases"]
        self._sentences: Mapping[str, str] = texts["drivers"]

    def sentence(self, name: str, **parts: str | Texts) -> Texts:
        """Fill in a sentence."""
        return _fill(self._sentences[name], parts)

    def either(self, condition: NDArray[np.bool_], yes: str, no: str, **parts: str | Texts) -> Texts:
        """Fill in one sentence where the condition holds, and another elsewhere."""
        return chosen(condition, self.sentence(yes, **parts), self.sentence(no, **parts))

    def count(self, phrase: str, count: Floats) -> Texts:
        """Write a count with its noun, in the singular or the plural."""
        one, other = self._phrases[phrase]
        parts = {"count": _numbers(count)}
        singular = _fill(one, parts)
        return singular if one == other else chosen(count == 1, singular, _fill(other, parts))

    def all_purchases(self, row: Columns) -> Texts:
        """Write the number of all purchases."""
        return self.count("purchases", row["frequency"] + 1)


Sentence = Callable[[Columns, _Phrasebook], Texts]


def _usual_gap(row: Columns) -> Floats:
    frequency = row["frequency"]
    mean = np.divide(row["recency"], frequency, out=np.full(len(frequency), np.nan), where=frequency > 0)
    return np.where(np.isfinite(row["gap_median"]), row["gap_median"], mean)


def _purchase_pattern(row: Columns, book: _Phrasebook) -> Texts:
    usual = _usual_gap(row)
    silence = book.count("days", row["T"] - row["recency"])
    once = book.sentence("purchase_pattern_once", silence=silence)
    twice = book.sentence("purchase_pattern_one_gap", silence=silence, gap=book.count("days", usual))
    often = book.sentence("purchase_pattern", silence=silence, gap=book.count("every", usual))
    return chosen(~np.isfinite(usual), once, chosen(row["frequency"] == 1, twice, often))


def _rhythm(row: Columns, book: _Phrasebook) -> Texts:
    parts = {
        "silence": book.count("days", row["T"] - row["recency"]),
        "last": book.count("days", row["gap_last"]),
        "longest": book.count("days", row["gap_longest"]),
    }
    return book.either(~np.isfinite(row["gap_last"]), "rhythm_once", "rhythm", **parts)


def _within(feature: str, days: int) -> Sentence:
    """Compare with the preceding window; newer customers have a sentence without comparison."""

    def sentence(row: Columns, book: _Phrasebook) -> Texts:
        now, before = row[f"{feature}_{days}"], _numbers(row[f"{feature}_before_{days}"])
        text = book.count("purchases", now) if feature == "purchases" else _numbers(now)
        parts: dict[str, str | Texts] = {"now": text, "before": before, "days": str(days)}
        return book.either(row["T"] < days, f"{feature}_new", feature, **parts)

    return sentence


def _loyalty(row: Columns, book: _Phrasebook) -> Texts:
    return book.sentence("loyalty", purchases=book.all_purchases(row), tenure=book.count("days", row["T"]))


def _order(driver: str, measure: str, phrase: str | None) -> Sentence:
    """Compare the last order with the average; a single order has no comparison."""

    def sentence(row: Columns, book: _Phrasebook) -> Texts:
        last, mean = row[f"{measure}_last"], _numbers(row[f"{measure}_mean"])
        text = _numbers(last) if phrase is None else book.count(phrase, last)
        return book.either(row["frequency"] == 0, f"{driver}_once", driver, last=text, mean=mean)

    return sentence


def _season(row: Columns, book: _Phrasebook) -> Texts:
    count, year = row["purchases_last_season"], row["purchases_365"]
    parts = {"last": book.count("purchases", count), "year": _numbers(year)}
    text = book.either(np.isfinite(year), "season", "season_no_year", **parts)
    return chosen(np.isfinite(count), text, book.sentence("season_new"))


def _refunds(row: Columns, book: _Phrasebook) -> Texts:
    parts = {"share": _percent(row["refund_share"]), "purchases": book.all_purchases(row)}
    return book.either(row["refund_share"] == 0, "refunds_none", "refunds", **parts)


def _weekend(row: Columns, book: _Phrasebook) -> Texts:
    share, purchases = _percent(row["weekend_share"]), book.all_purchases(row)
    once = book.either(row["weekend_share"] == 1, "weekend_once", "weekend_once_not")
    often = book.sentence("weekend", share=share, purchases=purchases, even=_short_percent(2 / 7))
    return chosen(row["frequency"] == 0, once, often)


def _margin(row: Columns, book: _Phrasebook) -> Texts:
    return book.sentence("margin", share=_percent(row["margin_share"]), purchases=book.all_purchases(row))


def _breadth(name: str, phrase: str) -> Sentence:
    def sentence(row: Columns, book: _Phrasebook) -> Texts:
        breadth = book.count(phrase, row[name])
        return book.sentence("breadth", breadth=breadth, purchases=book.all_purchases(row))

    return sentence


def _unknown(driver: str) -> Sentence:
    name = f"{driver.replace('_', ' ')}: "
    return lambda row, _: joined([name, _numbers(row[driver])])


# Sentence of each driver, and the features it uses.
_SENTENCES: dict[str, tuple[Sentence, tuple[str, ...]]] = {
    "purchase_pattern": (_purchase_pattern, ("frequency", "recency", "T", "gap_median")),
    "rhythm": (_rhythm, ("recency", "T", "gap_last", "gap_longest")),
    "recent_purchases": (_within("purchases", 90), ("T", "purchases_90", "purchases_before_90")),
    "yearly_purchases": (_within("purchases", 365), ("T", "purchases_365", "purchases_before_365")),
    "recent_spend": (_within("spend", 90), ("T", "spend_90", "spend_before_90")),
    "yearly_spend": (_within("spend", 365), ("T", "spend_365", "spend_before_365")),
    "loyalty": (_loyalty, ("frequency", "T")),
    "order_value": (_order("order_value", "amount", None), ("frequency", "amount_last", "amount_mean")),
    "order_size": (_order("order_size", "lines", "lines"), ("frequency", "lines_last", "lines_mean")),
    "quantity": (_order("quantity", "quantity", "items"), ("frequency", "quantity_last", "quantity_mean")),
    "season": (_season, ("purchases_last_season", "purchases_365")),
    "refunds": (_refunds, ("frequency", "refund_share")),
    "weekend": (_weekend, ("frequency", "weekend_share")),
    "margin": (_margin, ("frequency", "margin_share")),
    "category_breadth": (_breadth("category_count", "categories"), ("frequency", "category_count")),
    "channel_breadth": (_breadth("channel_count", "channels"), ("frequency", "channel_count")),
}
