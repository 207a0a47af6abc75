"""Lines with quotation marks that are never closed, or escaped by a backslash."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

_LONGEST_RECORD = 1000  # lines
_BLOCK = 1 << 22
_ESCAPE = re.compile(r'\\(["\\])')
# A field without quotation marks around it may begin with one after a backslash.
_MARK = re.compile(r'(?P<field>(?:^|(?<=[,;|\t]))\\"(?:\\.|[^,;|\t\r\n"\\])*)|\\["\\]|"')
# In a file that doubles quotation marks, one after a backslash ends its field.
_PROOF = re.compile(rb'\\"[^",;|\t\r\n]')


def escapes_quotes(path: Path) -> bool:
    """Whether quotation marks within fields stand after a backslash, as MySQL writes them."""
    with path.open("rb") as file:
        return any(_PROOF.search(block) for block in iter(lambda: file.read(_BLOCK), b""))


def double_quotes(path: Path, copy: Path) -> Path:
    """Copy a file with doubled quotation marks in place of those after a backslash in a quoted field."""
    quoted = False

    def standard(match: re.Match[str]) -> str:
        nonlocal quoted
        if match[0] == '"':
            quoted = not quoted
            return '"'
        if quoted:
            return _ESCAPE.sub(_doubled, match[0])
        return f'"{_ESCAPE.sub(_doubled, match[0])}"' if match["field"] else match[0][1]

    with (
        path.open(encoding="utf-8-sig", errors="surrogateescape") as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        out.writelines(_MARK.sub(standard, line) for line in source)
    return copy


def _doubled(escape: re.Match[str]) -> str:
    return '""' if escape[1] == '"' else "\\"


def repair_quotes(path: Path, copy: Path, delimiter: str, fields: int) -> list[tuple[int, str]]:
    """Copy a file without the lines whose quotation mark is never closed.

    A line with an open quotation mark is kept if it forms, with the following lines, a record with as many
    fields as the header; otherwise it is replaced by an empty line. The omitted lines are returned, each as
    its number from 1 and its text.
    """
    left_out = []
    with (
        path.open(encoding="utf-8", errors="surrogateescape") as source,
        copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
    ):
        lines: Iterator[str] = source
        number = 0
        while line := next(lines, ""):
            record = [line]
            if line.count('"') % 2 and not _is_record(record, delimiter):
                record += _until_closed(lines)
                if not _is_record(record, delimiter, fields):
                    left_out.append((number + 1, line.rstrip("\n").encode("utf-8", "replace").decode()))
                    lines = chain(record[1:], lines)
                    record = ["\n"]
            out.writelines(record)
            number += len(record)
    return left_out


def _until_closed(lines: Iterator[str]) -> list[str]:
    following = []
    for line in islice(lines, _LONGEST_RECORD):
        following.append(line)
        if line.count('"') % 2:
            break
    return following


def _is_record(lines: list[str], delimiter: str, fields: int | None = None) -> bool:
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len(rows) == 1 and fields in (None, len(rows[0]))
