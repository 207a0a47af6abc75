"""The words of a scorecard's page: those of every page, and its own."""

from __future__ import annotations

from guanxi.report.words import Language, say, words
from guanxi.scorecard.report.table_words import TABLE_WORDS
from guanxi.scorecard.report.words import SCORECARD_WORDS


def page_words(language: Language) -> dict[str, str]:
    """All words of a scorecard's page in one language, by key."""
    own = {**SCORECARD_WORDS, **TABLE_WORDS}
    return {**words(language), **{key: say(pair, language) for key, pair in own.items()}}
