"""Answer to a question about customers: what its page shows, its files and its figures for tracking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi.report.chapters import Chapter

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Answer:
    """Answer of a command.

    Attributes
    ----------
    title : str
        Title of its page, in the language of the page.
    chapters : sequence of Chapter
        The first one answers the question.
    tables : mapping of str to pandas.DataFrame
        Complete tables by file name without ending.
    metrics : mapping of str to float or None
        Key figures; None if unknown.
    settings : mapping of str to Any
        What was set or assumed.
    figures : mapping of str to callable
        File name to a function that draws the figure.
    summary : str
        Lines for the terminal, in English.
    """

    title: str
    chapters: Sequence[Chapter]
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    metrics: Mapping[str, float | None]
    settings: Mapping[str, Any]
    figures: Mapping[str, Callable[[], Figure]]
    summary: str
