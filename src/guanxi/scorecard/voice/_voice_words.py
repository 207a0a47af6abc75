"""Texts of the chapter on what customers say."""

from __future__ import annotations

from typing import Any

from guanxi.report.words import words
from guanxi.served.texts import Language, texts


def chapter_words(language: Language) -> dict[str, Any]:
    """All texts of the chapter: sentences by key, names by kind."""
    return texts("guanxi.scorecard.voice", language)


def picture_words(language: Language) -> dict[str, str]:
    """Texts of the pictures of this chapter and of all pages."""
    own: dict[str, str] = chapter_words(language)["picture"]
    return words(language) | own


def construct_name(name: object, language: Language) -> str:
    """Name a construct of the ECSI model or a dimension of SERVQUAL; others keep their names."""
    known: dict[str, str] = chapter_words(language)["constructs"]
    return known.get(str(name)) or str(name).replace("_", " ")


def language_name(name: str, language: Language) -> str:
    """Name a language of comments."""
    known: dict[str, str] = chapter_words(language)["languages"]
    return known[f"language_{name}"]


def culture_name(name: str, language: Language) -> str:
    """Name the attribute whose groups are compared."""
    known: dict[str, str] = chapter_words(language)["cultures"]
    return known.get(name) or name.replace("_", " ")
