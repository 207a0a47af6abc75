"""Pages made of chapters: paragraphs, notices, pictures and tables, in one self-contained HTML file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from guanxi.report._sections import Tile
from guanxi.report.page import PageSection, environment
from guanxi.report.words import words
from guanxi.served.texts import MISSING, Language, decimals_for, number, percent

if TYPE_CHECKING:
    from datetime import date

    from guanxi.report.pictures import Picture

__all__ = [
    "Chapter",
    "ShownTable",
    "Tile",
    "render_chapter",
    "render_document",
    "shown_cells",
    "shown_numbers",
]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class ShownTable:
    """A table of a chapter, of which the first rows are shown.

    Attributes
    ----------
    title : str
    table : pandas.DataFrame
        Interval limits ``x_lower`` and ``x_upper``, or ``lower`` and ``upper`` of the column ``interval``,
        are shown below their column.
    headings : mapping of str to str
        Heading by column; other columns are not shown.
        A column may hold lists of drivers, with ``text``, ``sign``, ``side`` and ``meaning``.
    shares : sequence of str
        Columns shown in per cent.
    interval : str
    note : str
        A paragraph below the title.
    most : int
        Rows shown.
    """

    title: str
    table: pd.DataFrame = field(repr=False)
    headings: Mapping[str, str]
    shares: Sequence[str] = ()
    interval: str = ""
    note: str = ""
    most: int = 60


@dataclass(frozen=True)
class Chapter:
    """Part of a page: its ``id``, heading, and contents, in the language of the page.

    Shown are the tiles (headline figures), the paragraphs, notices, pictures and tables.
    """

    anchor: str
    heading: str
    paragraphs: Sequence[str] = ()
    notices: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[ShownTable] = ()
    tiles: Sequence[Tile] = ()


def render_chapter(chapter: Chapter, language: Language) -> PageSection:
    """Render a chapter as a section for any page, also one of other sections.

    Examples
    --------
    >>> section = render_chapter(Chapter("profit", "Profit", ["1 < 2"]), "en")
    >>> section.anchor, "1 &lt; 2" in section.html
    ('profit', True)
    """
    shown = {
        "t": words(language),
        "chapter": chapter,
        "tables": [shown_cells(table, language) for table in chapter.tables],
    }
    html = environment().get_template("chapter.html").render(shown)
    return PageSection(chapter.anchor, chapter.heading, html)


def render_document(
    title: str,
    chapters: Sequence[Chapter],
    *,
    source: str,
    as_of: date | None,
    model_version: str,
    language: Language,
    generated_by: str,
) -> str:
    """Render chapters as a complete HTML document without scripts, to be saved as UTF-8.

    Parameters
    ----------
    title : str
    chapters : sequence of Chapter
        The first one answers the question of the page.
    source : str
    as_of : datetime.date or None
    model_version : str
        Empty without a model.
    language : {"en", "zh"}
    generated_by : str

    Examples
    --------
    >>> page = render_document("Profit", [Chapter("answer", "Answer", ["1 < 2"])], source="sales.csv",
    ...                        as_of=None, model_version="", language="en", generated_by="guanxi")
    >>> "1 &lt; 2" in page
    True
    """
    about = {"source": source, "as_of": as_of, "model_version": model_version, "generated_by": generated_by}
    sections = [render_chapter(chapter, language) for chapter in chapters]
    shown = {"t": words(language), "title": title, "about": about, "sections": sections}
    return environment().get_template("document.html").render(shown)


def shown_numbers(values: pd.Series[Any], *, share: bool) -> list[str]:
    """Format a column of numbers with as many decimals as its largest needs, or in per cent.

    Examples
    --------
    >>> shown_numbers(pd.Series([1.0, 12500.0]), share=False)
    ['1', '12,500']
    """
    floats = values.to_numpy(dtype=np.float64, na_value=np.nan)
    if share:
        return [percent(value, 1) for value in floats]
    known = floats[np.isfinite(floats)]
    whole = bool((known == np.floor(known)).all())
    decimals = 0 if whole else decimals_for(float(np.abs(known).max(initial=0.0)))
    return [number(value, decimals) for value in floats]


def shown_cells(shown: ShownTable, language: Language) -> dict[str, Any]:
    """Format a table for the template."""
    table = shown.table.head(shown.most)
    columns = [_column(table, name, shown, language) for name in shown.headings]
    left = len(shown.table) - len(table)
    return {
        "title": shown.title,
        "note": shown.note,
        "columns": columns,
        "rows": list(zip(*(column["cells"] for column in columns), strict=True)),
        "more": words(language)["more_rows"].format(count=number(left)) if left else "",
    }


def _column(table: pd.DataFrame, name: str, shown: ShownTable, language: Language) -> dict[str, Any]:
    values, share = table[name], name in shown.shares
    if len(values) and isinstance(values.iloc[0], list):
        return {"heading": shown.headings[name], "kind": "why", "cells": [(each, "") for each in values]}
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    texts = (
        shown_numbers(values, share=share)
        if numeric
        else [MISSING if pd.isna(value) else str(value) for value in values]
    )
    ends = ("lower", "upper") if name == shown.interval else (f"{name}_lower", f"{name}_upper")
    below = [""] * len(texts)
    if set(ends) <= set(table.columns):
        limits = (shown_numbers(table[end], share=share) for end in ends)
        below = [
            "" if MISSING in pair else words(language)["ends"].format(lower=pair[0], upper=pair[1])
            for pair in zip(*limits, strict=True)
        ]
    return {
        "heading": shown.headings[name],
        "kind": "n" if numeric else _kind(name, texts),
        "cells": list(zip(texts, below, strict=True)),
    }


def _kind(name: str, texts: Sequence[str]) -> str:
    """Class of a column of texts: days are not broken, customers and reasons are not squeezed."""
    if name == "customer_id":
        return "id"
    days = all(text == MISSING or _DAY.fullmatch(text) for text in texts)
    return "day" if texts and days else "why" if name == "why" else ""
