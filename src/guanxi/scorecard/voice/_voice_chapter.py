"""The chapter of the scorecard's page on what customers say: findings first, method behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi.report.chapters import Chapter
from guanxi.report.pictures import Picture, picture
from guanxi.scorecard.voice import _voice_figures as figures
from guanxi.scorecard.voice._response_styles import ResponseStyles
from guanxi.scorecard.voice._topic_outcomes import TopicSummary
from guanxi.scorecard.voice._voice import Voice
from guanxi.scorecard.voice._voice_tables import shown_tables
from guanxi.scorecard.voice._voice_words import (
    chapter_words,
    construct_name,
    culture_name,
    language_name,
    picture_words,
)
from guanxi.served.ordering import first_highest, first_lowest
from guanxi.served.texts import Language, number, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMED = 3
_LARGE_STYLE = 0.1  # difference of the share of answers at the ends that means can show


def voice_chapter(voice: Voice, language: Language) -> Chapter:
    """Tell what customers say."""
    t = chapter_words(language)
    paragraphs = [*_on_comments(voice, language), *_on_answers(voice, language), t["associated"]]
    return Chapter(
        "voice",
        t["heading"],
        paragraphs,
        [*_notes(voice.topics, language), *voice.notes],
        [_picture(name, draw, language) for name, draw in voice_figures(voice, language).items()],
        shown_tables(voice, language),
    )


def voice_figures(voice: Voice, language: Language) -> dict[str, Callable[[], Figure]]:
    """Available figures by name."""
    drawn: dict[str, Callable[[], Figure]] = {}
    topics, reasons, drivers, paths = voice.topics, voice.reasons, voice.drivers, voice.paths
    if topics and len(topics.table):
        drawn["voice_topics"] = lambda: figures.draw_topics(topics.table, language)
    if len(reasons) and reasons["value_share"].notna().any():
        drawn["voice_reasons"] = lambda: figures.draw_reasons(reasons, language)
    if drivers:
        drawn["voice_map"] = lambda: figures.draw_map(drivers.table, language)
    if paths:
        drawn["voice_paths"] = lambda: figures.draw_paths(paths.paths, language)
    return drawn


def _picture(name: str, draw: Callable[[], Figure], language: Language) -> Picture:
    t = picture_words(language)
    return picture(draw, name, t[f"{name}_text"], t)


def _notes(topics: TopicSummary | None, language: Language) -> list[str]:
    t, told = chapter_words(language), []
    for note in topics.notes if topics else ():
        shown: dict[str, Any] = {"language": language_name(note["language"], language)}
        shown |= {name: number(note[name]) for name in ("count", "kept") if name in note}
        shown |= {name: number(note[name], 2) for name in ("stability",) if name in note}
        told.append(t[f"note_{note['what']}"].format(**shown))
    return told


def _on_comments(voice: Voice, language: Language) -> list[str]:
    t, told = chapter_words(language), []
    if voice.topics and len(voice.topics.table):
        topics = voice.topics.table
        most = t["between"].join(
            t["with_share"].format(topic=row["topic"], share=percent(row["share"]))
            for row in topics.head(_NAMED).to_dict("records")
        )
        people, comments = number(voice.topics.customers), number(voice.topics.statements)
        told.append(t["found_topics"].format(customers=people, statements=comments, topics=most))
        told += _clearest(topics, "churn", language) + _clearest(topics, "satisfaction", language)
        rising = topics.loc[topics["trend"] == "rising", "topic"].head(_NAMED)
        if len(rising):
            told.append(t["found_rising"].format(topics=t["between"].join(rising)))
    if len(voice.reasons):
        first, people = voice.reasons.iloc[0], number(voice.reasons["customers"].sum())
        valued = pd.notna(first["value_share"])
        text = t["found_reasons" if valued else "found_reasons_counted"]
        share = percent(first["value_share" if valued else "share"])
        told.append(text.format(customers=people, reason=first["reason"], share=share))
    return told


def _clearest(topics: pd.DataFrame, what: str, language: Language) -> list[str]:
    """Name the topic with the largest bad difference beyond chance, if there is one."""
    worse, key = (1.0, "found_churn") if what == "churn" else (-1.0, "found_dissatisfied")
    columns = [f"{what}_difference", f"{what}_difference_lower", f"{what}_difference_upper"]
    differences = worse * topics[columns]
    bad = differences[columns[0]].where(topics[f"{what}_clear"] & (differences[columns[0]] > 0))
    if bad.isna().all():
        return []
    place = first_highest(bad.fillna(0.0))
    row = differences.iloc[place]
    ends = sorted(row[columns[1:]])
    shown = {"difference": row[columns[0]], "lower": ends[0], "upper": ends[1]}
    texts = {name: number(100 * value, 1) for name, value in shown.items()}
    return [chapter_words(language)[key].format(topic=topics["topic"].iloc[place], **texts)]


def _on_answers(voice: Voice, language: Language) -> list[str]:
    t, told = chapter_words(language), []
    if voice.drivers and voice.answers:
        table = voice.drivers.table
        outcome = construct_name(voice.answers.outcome, language)
        told.append(
            t["found_drivers"].format(
                outcome=outcome[:1].upper() + outcome[1:],
                driver=construct_name(table["driver"].iloc[0], language),
                share=percent(table["share"].iloc[0]),
                explained=percent(voice.drivers.r_squared),
            )
        )
        first = table.loc[table["quadrant"] == "concentrate", "driver"]
        if len(first):
            told.append(
                t["found_improve"].format(names=", ".join(construct_name(each, language) for each in first))
            )
    if len(voice.gaps):
        worst = voice.gaps.iloc[0]
        if worst["gap_upper"] < 0:
            ends = sorted((-worst["gap_lower"], -worst["gap_upper"]))
            shown = {"gap": -worst["gap"], "lower": ends[0], "upper": ends[1]}
            texts = {name: number(100 * value, 1) for name, value in shown.items()}
            told.append(
                t["found_gap"].format(dimension=construct_name(worst["dimension"], language), **texts)
            )
    if voice.paths:
        told += _on_paths(voice.paths.paths, voice.answers.outcome if voice.answers else "", language)
    if voice.styles and voice.answers:
        told += _on_styles(voice.styles, voice.answers.culture_name, language)
    return told


def _on_paths(paths: pd.DataFrame, outcome: str, language: Language) -> list[str]:
    """Name what the outcome, and the last consequence, follow from most."""
    told = []
    last = str(paths["target"].iloc[-1])
    for target in dict.fromkeys((outcome, last)):
        towards = paths[paths["target"] == target]
        if len(towards):
            row = towards.iloc[first_highest(towards["total"].abs())]
            name = construct_name(target, language)
            told.append(
                chapter_words(language)["found_path"].format(
                    target=name[:1].upper() + name[1:],
                    source=construct_name(row["source"], language),
                    total=number(row["total"], 2),
                )
            )
    return told


def _on_styles(styles: ResponseStyles, culture: str, language: Language) -> list[str]:
    """Whether scores are comparable; and the group whose use of the ends differs most, if it does by much."""
    t = chapter_words(language)
    told = [t[f"found_comparable_{styles.verdict}"].format(culture=culture_name(culture, language))]
    table = styles.styles
    clear = (table["extreme_difference_lower"] > 0) | (table["extreme_difference_upper"] < 0)
    large = table["extreme_difference"].where(clear & (table["extreme_difference"].abs() >= _LARGE_STYLE))
    if large.notna().any():
        more = (large > 0).any()
        place = first_highest(large.fillna(0.0)) if more else first_lowest(large.fillna(0.0))
        row = table.iloc[place]
        text = t["found_style" if row["extreme_difference"] > 0 else "found_style_less"]
        told.append(
            text.format(group=row["group"], difference=number(100 * abs(row["extreme_difference"]), 1))
        )
    return told
