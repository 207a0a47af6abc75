"""Lengths of billing periods, as programs write them."""

from __future__ import annotations

from typing import Any

import ibis

from guanxi.periods import days_per_unit

_UNITS = {
    "D": "d day days daily täglich tag 日 天",
    "W": "w week weeks weekly wöchentlich woche 周 週",
    "M": "m month months monthly month-to-month mensual mensuel monatlich monat 月 月付 每月 p1m",
    "Q": "q quarter quarters quarterly trimestral trimestriel quartal vierteljährlich 季 季付 每季 p3m",
    "Y": "y year years yearly annual annually anual annuel jährlich jahr 年 年付 每年 p1y",
}
_NUMBERS = {"one": 1, "two": 2, "three": 3, "half": 0.5, "semi": 0.5, "bi": 2}
_NUMBERED = r"^(\d+|one|two|three|half|semi|bi)?[\s_-]*(.+?)$"


def periods_of(word: Any) -> Any:
    """Return the days of a period in words (in lower case), such as ``monthly`` or ``2 years``."""
    number, unit = word.re_extract(_NUMBERED, 1), word.re_extract(_NUMBERED, 2)
    count = ibis.cases(
        *((number == text, float(value)) for text, value in _NUMBERS.items()),
        (number == "", 1.0),
        else_=number.try_cast("float64"),
    )
    days = ibis.cases(
        *((unit.isin(words.split()), days_per_unit(name)) for name, words in _UNITS.items()),
        else_=ibis.null("float64"),
    )
    return ibis.ifelse(count > 0, count, ibis.null("float64")) * days
