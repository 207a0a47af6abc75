"""Texts of the page of scenarios, and how levels of levers are written."""

from __future__ import annotations

from guanxi.report.words import words
from guanxi.served.texts import Language, decimals_for, number, percent, texts

_SHARES = ("margin", "retention", "discount_rate")


def scenario_words(language: Language) -> dict[str, str]:
    """Texts of the page in one language, by key."""
    return words(language) | texts("guanxi.decisions.scenarios", language)


def level_text(lever: str, level: float) -> str:
    r"""Write the level of a lever: shares in per cent, others as numbers.

    Examples
    --------
    >>> level_text("retention", 0.8125), level_text("order_value", 35.5)
    ('81.2\xa0%', '35.50')
    """
    return percent(level, 1) if lever in _SHARES else number(level, decimals_for(level))


def money(value: float) -> str:
    """Write an amount of money in a sentence."""
    return number(value, decimals_for(value))
