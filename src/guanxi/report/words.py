"""Texts of the page and of the figures, in English and Chinese: ``en.toml`` and ``zh.toml``."""

from __future__ import annotations

from typing import Literal, NamedTuple

from guanxi.served.texts import Language, texts

Direction = Literal["lower", "higher", "zero", "level", "neither"]

# The better direction of a metric; without an entry, lower is better.
_DIRECTIONS: dict[str, Direction] = {
    "coverage": "level",
    "bias": "zero",
    "spearman": "higher",
    "normalised_gini": "higher",
    "top_decile_capture": "higher",
    "auc": "higher",
    "average_precision": "higher",
    "lift_at_10": "higher",
    "capture_at_10": "higher",
    "empc": "higher",
    "empc_share": "neither",
}


class Measure(NamedTuple):
    """A metric in words: which direction is better, its label and its meaning."""

    direction: Direction
    label: str
    meaning: str


def words(language: Language) -> dict[str, str]:
    """All texts of the page in one language, by key.

    Examples
    --------
    >>> words("en")["glossary"]
    'How to read this'
    """
    page: dict[str, str] = texts("guanxi.report", language)["page"]
    return page


def _glossary(language: Language) -> list[tuple[str, str]]:
    """Terms and what they mean, in reading order."""
    return [(entry["term"], entry["meaning"]) for entry in texts("guanxi.report", language)["glossary"]]


def _measure(metric: str, language: Language) -> Measure | None:
    """Describe a metric in words; None for an unknown one.

    Examples
    --------
    >>> _measure("auc", "en").direction
    'higher'
    """
    described = texts("guanxi.report", language)["measures"].get(metric)
    return described and Measure(_DIRECTIONS.get(metric, "lower"), **described)


def _driver_in_words(driver: str, language: Language) -> str:
    """Name a driver as a reason for leaving; one without a name of its own is a feature.

    Examples
    --------
    >>> _driver_in_words("recent_purchases", "en"), _driver_in_words("spend_before_30", "en")
    ('fewer purchases lately', 'spend, 30 days before')
    """
    named = texts("guanxi.report", language)["drivers"].get(driver)
    return feature_in_words(driver, language) if named is None else str(named)


def feature_in_words(feature: str, language: Language) -> str:
    """Name a feature of the purchase history in plain words; an attribute of the data keeps its name.

    Examples
    --------
    >>> feature_in_words("purchases_decayed_90", "en"), feature_in_words("shoe_size", "en")
    ('recent purchases, fading (90 d)', 'shoe size')
    """
    named = texts("guanxi.report", language)["features"]
    base, _, days = feature.rpartition("_")
    if days.isdigit() and base in named:
        return str(named[base]).format(days=days)
    return str(named.get(feature, feature.replace("_", " ")))


def _model_in_words(model: str, language: Language) -> str:
    """Name of a model in one language; an unknown one keeps its name.

    Examples
    --------
    >>> _model_in_words("trees alone", "zh")
    '仅树模型'
    """
    return str(texts("guanxi.report", language)["models"].get(model, model))
