"""Numbers read from text: decimal and thousands signs, currency signs, and negative numbers of accounting."""

from __future__ import annotations

import re
from typing import Any

import ibis

from guanxi.params import DataParams

_CODES = (
    "USD|EUR|GBP|JPY|CNY|RMB|CHF|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|ILS|INR|PKR|IDR|MYR|SGD|THB|PHP|"
    "VND|KRW|TWD|HKD|AUD|NZD|CAD|MXN|BRL|ARS|CLP|COP|PEN|UYU|ZAR|NGN|KES|EGP|MAD|AED|SAR|KZT"
)
_LOCAL = r"US|HK|NT|MX|CA|AU|NZ|SG|[ACRS]"
_WORDS = (
    *(
        rf"(?:{_LOCAL})?\$",
        "[€£¥₹₽₩₺₫₪₱฿₴₦₡₲₵₸₼]",
        "[元円원]",
        r"kr\.?",
        "zł",
        "Kč",
        "Ft",
        r"Lei",
        r"лв\.?",
        r"руб\.?",
    ),
    *(r"р\.", r"Fr\.?", r"Rs\.?", "TL", "S/", _CODES),
)
CURRENCY = "(?:" + "|".join(_WORDS) + ")"
_WIDE, _PLAIN = "０１２３４５６７８９．，－−–（）＋￥＄’‘＇´", "0123456789.,---()+¥$''''"


def read_number(column: Any, params: DataParams) -> Any:
    """Cast to float64; text by ``params.decimal`` and ``params.thousands``, if they are known."""
    if not column.type().is_string():
        return column.try_cast("float64")
    if params.decimal is None:  # the engine would read 1_000
        return ibis.ifelse(column.contains("_"), ibis.null("string"), column).try_cast("float64")
    convention = params.decimal, params.thousands or ""
    return ibis.coalesce(_convert(column, *convention), _convert(_cleaned(column), *convention))


def _convert(text: Any, decimal: str, thousands: str) -> Any:
    """Convert text written exactly in a convention; null if it is not."""
    number = text.re_extract(_pattern(decimal, thousands), 1)
    number = number.replace(thousands, "") if thousands else number
    return number.replace(decimal, ".").try_cast("float64")


def _pattern(decimal: str, thousands: str) -> str:
    """Write the numbers of a convention as a pattern; groups start with another digit than 0."""
    point, whole = re.escape(decimal), "[0-9]+"
    if thousands:
        sign = re.escape(thousands)
        whole += f"|[1-9][0-9]{{0,2}}(?:{sign}[0-9]{{3}})+"
    if thousands == ",":  # lakhs and crores
        whole += "|[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
    number = rf"(?:(?:{whole})(?:{point}[0-9]*)?|{point}[0-9]+)(?:e[-+]?[0-9]+)?"
    return rf"(?i)^\s*([-+]?(?:{number}|inf|infinity|nan))\s*$"


def _cleaned(text: Any) -> Any:
    """Remove currency signs, and write a negative number with a minus in front."""
    text = text.translate(_WIDE, _PLAIN).re_replace(r"[\s\p{Z}]+", " ").strip()
    text = text.re_replace(rf"(?i)(?: ?{CURRENCY})+ ?([-)]?)$", r"\1")
    text = text.re_replace(rf"(?i)^([-+(]?) ?(?:{CURRENCY} ?)+", r"\1")
    # A minus after a decimal sign, as in 12.-, stands for no cents.
    text = text.re_replace(r"^([^-]*[0-9][.,])-+$", r"\1")
    text = text.re_replace(r"^\( ?(.*[^ ]) ?\)$", r"-\1").re_replace(r"^([^-]*[0-9]) ?-$", r"-\1")
    return text.re_replace("^([-+]) ", r"\1")
