"""Texts of the profit page: the common ones, and its own (``en.toml`` and ``zh.toml``)."""

from __future__ import annotations

from guanxi.report.words import words
from guanxi.served.texts import Language, texts


def profit_words(language: Language) -> dict[str, str]:
    """Texts of the profit page in one language, by key."""
    return {**words(language), **texts("guanxi.decisions.profit", language)["page"]}


def spend_words(language: Language) -> dict[str, str]:
    """Texts of the profit page where the profit is unknown, and what customers spent stands for it."""
    return {**profit_words(language), **texts("guanxi.decisions.profit", language)["spend"]}
