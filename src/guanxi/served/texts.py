"""Texts in English and Chinese, and the formatting of numbers in them.

A package keeps its texts next to its code, in ``en.toml`` and ``zh.toml``, with placeholders in braces.
"""

from __future__ import annotations

import math
import pkgutil
import tomllib
from functools import cache
from typing import Any, Literal

Language = Literal["en", "zh"]

MISSING = "–"
_PER_CENT = "\u00a0%"  # with a non-breaking space


@cache
def texts(package: str, language: str) -> dict[str, Any]:
    """Read the texts of a package in a language, grouped as in its TOML file.

    Raises
    ------
    OSError
        If the package has no texts in the language.

    Examples
    --------
    >>> texts("guanxi.served", "zh")["attributes"]["missing"]
    '未知'
    """
    found = pkgutil.get_data(package, f"{language}.toml")
    assert found is not None  # loaders on disk and in a served model both read files
    return tomllib.loads(found.decode("utf-8"))


def number(value: float, decimals: int = 0) -> str:
    """Format a number with thousands separators and a true minus sign; a missing one becomes a dash.

    Examples
    --------
    >>> number(1234567.8), number(-0.25, 2), number(float("nan"))
    ('1,234,568', '−0.25', '–')
    """
    return f"{value:z,.{decimals}f}".replace("-", "−") if math.isfinite(value) else MISSING


def signed(value: float, decimals: int = 2) -> str:
    """Format a number with its sign; one that rounds to 0 has none.

    Examples
    --------
    >>> signed(0.25), signed(-0.25), signed(0.001)
    ('+0.25', '−0.25', '0.00')
    """
    written = number(value, decimals)
    return written if written.startswith("−") or not round(value, decimals) else f"+{written}"


def percent(share: float, decimals: int = 0) -> str:
    r"""Format a proportion in per cent; only exact values are shown as 0 % or 100 %.

    Examples
    --------
    >>> percent(0.256), percent(0.9999), percent(0.0001)
    ('26\xa0%', '> 99\xa0%', '< 1\xa0%')
    """
    if not math.isfinite(share):
        return MISSING
    step = 10.0**-decimals
    if 0 < share * 100 <= step / 2:
        return f"< {step:.{decimals}f}{_PER_CENT}"
    if 100 - step / 2 <= share * 100 < 100:
        return f"> {100 - step:.{decimals}f}{_PER_CENT}"
    return f"{number(share * 100, decimals)}{_PER_CENT}"


def decimals_for(largest: float) -> int:
    """Decimals for a column of numbers up to `largest`: none from 1,000 on, 3 below 10, 2 in between.

    Examples
    --------
    >>> decimals_for(714.2), decimals_for(25000), decimals_for(0.81)
    (2, 0, 3)
    """
    if not math.isfinite(largest) or abs(largest) >= 1000:
        return 0
    return 3 if abs(largest) < 10 else 2


def _short_number(value: float) -> str:
    """Format a number for a sentence: whole from 10 on, else with one decimal if needed.

    Examples
    --------
    >>> _short_number(1234.5), _short_number(2.5), _short_number(float("nan"))
    ('1,234', '2.5', '?')
    """
    if not math.isfinite(value):
        return "?"
    rounded = f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:,.1f}"
    return rounded.removesuffix(".0")


def _short_percent(share: float) -> str:
    """Format a proportion in whole per cent.

    Examples
    --------
    >>> _short_percent(0.124), _short_percent(float("nan"))
    ('12 %', '?')
    """
    return f"{100 * share:.0f} %" if math.isfinite(share) else "?"


def five_digits(value: float) -> str:
    """Format a number with up to five digits; whole numbers with all of them.

    Examples
    --------
    >>> five_digits(3.14159265), five_digits(12345678.0)
    ('3.1416', '12,345,678')
    """
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 10_000 else f"{value:,.5g}"
