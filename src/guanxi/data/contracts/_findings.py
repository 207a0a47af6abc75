"""Rejected lines of contract data as findings, with advice."""

from __future__ import annotations

import functools
from typing import Any

from guanxi.data._findings import DataFinding, Phrase
from guanxi.data._rejections import without_examples
from guanxi.data.rules import _plain_advice
from guanxi.data.sources.source_table import SourceTable
from guanxi.params import DataParams


def advice(form: str, rule: str, source: SourceTable, data: DataParams) -> Phrase:
    """Advise on a rule that rejected many lines."""
    return _plain_advice(rule)


def rejections(
    form: str,
    source: SourceTable,
    judged: Any,
    rejected: Any,
    lines: dict[str, int],
    accepted: int,
    data: DataParams,
) -> tuple[DataFinding, ...]:
    """Describe each rule that rejected lines, the most frequent first."""
    advise = functools.partial(advice, form, source=source, data=data)
    return without_examples(source, lines, {}, accepted, lambda rule: advise(rule)) if lines else ()
