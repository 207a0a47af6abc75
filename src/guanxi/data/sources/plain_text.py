"""Text files in the one form the engine reads: UTF-8, one kind of line end, sound quotation marks."""

from __future__ import annotations

import codecs
import csv
import gzip
import shutil
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO

from guanxi.errors import SourceError

_BLOCK = 1 << 22
_GZIP = b"\x1f\x8b"
_LONGEST_RECORD = 1000


def plain_text(path: Path, encoding: str, copy: Path) -> Path:
    """Give a file the engine can read as it is: the file itself, or ``copy`` filled with its text.

    Bytes that the encoding does not know stay as they are, so that only their line is refused later.

    Raises
    ------
    SourceError
        If the file cannot be read whole in this encoding.
    """
    try:
        codec = codecs.lookup(encoding)
    except LookupError:
        raise SourceError(
            f"data.encoding {encoding!r} is unknown: use utf-8, latin-1, cp1252, gb18030 or the like"
        ) from None
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == _GZIP
        if not compressed and codec.name in ("utf-8", "ascii") and not _mixed_line_ends(path):
            return path
        with (
            _decoded(path, encoding, compressed) as text,
            copy.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as out,
        ):
            shutil.copyfileobj(text, out, _BLOCK)
    except (EOFError, zlib.error) as error:
        raise SourceError(f"{path}: the compressed file is damaged ({error}): copy it again") from None
    except UnicodeError as error:
        raise SourceError(
            f"{path}: not text in encoding {encoding} ({error}): "
            "name its encoding, as in --set data.encoding=latin-1"
        ) from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return copy


def mend_quotes(path: Path, copy: Path, delimiter: str, fields: int) -> list[tuple[int, str]]:
    """Copy a file without the lines whose quotation mark swallows the lines after it.

    A line with an open quotation mark stays where it makes, with the following lines, a record of as many
    fields as the header; otherwise an empty line takes its place, and the lines after it stand on their own.

    Returns
    -------
    list of (line number from 1, text)
        The lines left out.
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


def _decoded(path: Path, encoding: str, compressed: bool) -> IO[str]:
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    if compressed:
        return gzip.open(path, "rt", encoding=name, errors="surrogateescape")
    return path.open(encoding=name, errors="surrogateescape")


def _mixed_line_ends(path: Path) -> bool:
    """Whether a file has line ends of several kinds, which the engine takes for damage."""
    both = returns = feeds = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            both += block.count(b"\r\n")
            returns += block.count(b"\r")
            feeds += block.count(b"\n")
    return sum((both > 0, returns > both, feeds > both)) > 1


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
