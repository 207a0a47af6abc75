"""Tables of the chapter on what customers say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from guanxi.report.chapters import ShownTable
from guanxi.scorecard.voice._response_styles import STYLES
from guanxi.scorecard.voice._voice import Voice
from guanxi.scorecard.voice._voice_words import chapter_words, construct_name, culture_name, language_name
from guanxi.served.texts import Language, number

_SHARES = (
    "share", "change", "satisfaction_difference", "churn_difference", "value_share", "gap", "expectation",
    "perception", *STYLES,
)  # fmt: skip
_NAMED = {"driver", "dimension", "construct"}


def shown_tables(voice: Voice, language: Language) -> list[ShownTable]:
    """All tables that have rows, findings before measurement."""
    return [*_of_comments(voice, language), *_of_answers(voice, language)]


def _of_comments(voice: Voice, language: Language) -> list[ShownTable]:
    shown = []
    if voice.topics and len(voice.topics.table):
        t = chapter_words(language)
        note = t["topics_note"].format(numbers=_numbers(voice, language))
        named = _in_words(voice.topics.table, language)
        columns: tuple[str, ...] = ("topic", "language", "customers", "share", "change", "trend",
        "satisfaction_difference",
                   "churn_difference", "value_at_risk")  # fmt: skip
        shown.append(_table("topics", named, columns, language, note))
        first = voice.topics.examples.drop_duplicates(["language", "topic"])
        examples = first.set_index(["language", "topic"]).reindex(
            pd.MultiIndex.from_frame(voice.topics.table[["language", "topic"]])
        )
        shown.append(_table("examples", examples.reset_index(), ("topic", "example"), language))
    if len(voice.reasons):
        columns = ("reason", "category", "customers", "share", "value_at_risk", "value_share")
        valued = voice.reasons["value_at_risk"].notna().any()
        note = chapter_words(language)["reasons_valued_note" if valued else "reasons_note"]
        shown.append(_table("reasons", voice.reasons, columns, language, note))
    return shown


def _of_answers(voice: Voice, language: Language) -> list[ShownTable]:
    shown, t = [], chapter_words(language)
    if voice.drivers:
        drivers = _in_words(voice.drivers.table, language)
        shown.append(_table("drivers", drivers, ("driver", "share", "performance", "quadrant"), language))
    if len(voice.gaps):
        gaps = _in_words(voice.gaps, language)
        columns: tuple[str, ...] = ("dimension", "customers", "expectation", "perception", "gap")
        shown.append(_table("gaps", gaps, columns, language))
    if voice.paths:
        paths = voice.paths.paths
        arrows = [
            f"{construct_name(source, language)} → {construct_name(target, language)}"
            for source, target in zip(paths["source"], paths["target"], strict=True)
        ]
        note = t["paths_note"].format(answers=number(voice.paths.answers))
        table = paths.assign(path=arrows)
        shown.append(_table("paths", table, ("path", "coefficient", "total"), language, note))
        constructs = _in_words(voice.paths.constructs, language)
        columns = (
            "construct",
            "questions",
            "alpha",
            "composite_reliability",
            "average_variance",
            "r_squared",
        )
        shown.append(_table("constructs", constructs, columns, language))
    return [*shown, *_of_styles(voice, language)]


def _of_styles(voice: Voice, language: Language) -> list[ShownTable]:
    if not voice.styles or not voice.answers:
        return []
    t, styles = chapter_words(language), voice.styles
    # The limits of the difference are shown below the share itself.
    limits = {
        f"{style}_{end}": styles.styles[f"{style}_difference_{end}"]
        for style in STYLES
        for end in ("lower", "upper")
    }
    table = styles.styles.assign(**limits)
    title = t["styles_title"].format(culture=culture_name(voice.answers.culture_name, language))
    shown = [_table("styles", table, ("group", "customers", *STYLES), language, title=title)]
    if len(styles.invariance):
        note = t["invariance_note"].format(groups=", ".join(styles.groups))
        fits = styles.invariance.assign(
            level=[t["levels"][level] for level in styles.invariance["level"]],
            holds=[t["truths"]["yes" if holds else "no"] for holds in styles.invariance["holds"]],
        )
        columns = (
            "level",
            "chi_square",
            "degrees",
            "comparative_fit",
            "root_mean_square_error",
            "drop",
            "holds",
        )
        shown.append(_table("invariance", fits, columns, language, note))
    return shown


def _table(
    name: str,
    table: pd.DataFrame,
    columns: Sequence[str],
    language: Language,
    note: str | None = None,
    title: str | None = None,
) -> ShownTable:
    """Show a table with the columns that it has and that are known somewhere."""
    t = chapter_words(language)
    known = [column for column in columns if column in table and table[column].notna().any()]
    headings = {column: t["headings"][column] for column in known}
    shares = [column for column in known if column in _SHARES]
    return ShownTable(title or t[f"{name}_title"], table, headings, shares, note=note or t[f"{name}_note"])


def _in_words(table: pd.DataFrame, language: Language) -> pd.DataFrame:
    """Put our own terms into the language."""
    t = chapter_words(language)
    kinds = {"trend": "trends", "quadrant": "quadrants"}
    named: dict[str, Any] = {
        column: [t[kind][each] for each in table[column]] for column, kind in kinds.items() if column in table
    }
    if "language" in table:
        named["language"] = [language_name(each, language) for each in table["language"]]
    named |= {
        column: [construct_name(each, language) for each in table[column]]
        for column in _NAMED & set(map(str, table.columns))
    }
    return table.assign(**named)


def _numbers(voice: Voice, language: Language) -> str:
    """How many topics each language has, and why."""
    assert voice.topics is not None
    t = chapter_words(language)
    told = []
    for row in voice.topics.languages.to_dict("records"):
        known = {"language": language_name(row["language"], language), "topics": row["topics"]}
        chosen = pd.notna(row["stability"])
        text = t["number_chosen" if chosen else "number_given"]
        told.append(
            text.format(**known, stability=number(row["stability"], 2)) if chosen else text.format(**known)
        )
    return "".join(told)
