"""JSON: one object per line, or an array of objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from guanxi.data.sources._decoding import plain_text
from guanxi.data.sources._records import ColumnKinds, Record, load_records
from guanxi.data.sources._unpacking import DataFile
from guanxi.data.sources.source_table import SourceTable
from guanxi.errors import SourceError
from guanxi.params import DataParams

_WRAPPINGS = ("$oid", "$date", "$numberDecimal", "$numberDouble", "$numberInt", "$numberLong")
Note = Callable[[int, str], None]


def read(
    connection: Any, source: str, files: list[DataFile], folder: Path, params: DataParams
) -> SourceTable:
    """Read objects into the engine; their keys are the columns, and nested values are JSON text.

    A line that is not an object is unreadable.
    """
    texts = [
        plain_text(file.given, file.plain, params.encoding, folder / f"{number}.json")
        for number, file in enumerate(files)
    ]

    def records(note: Note = lambda number, line: None) -> Iterator[Record]:
        for file, text in zip(files, texts, strict=True):
            yield from _records(file.given, text, note)

    kinds = ColumnKinds()
    unreadable: list[tuple[int, str]] = []
    read = 0
    for record in records(lambda number, line: unreadable.append((number, line))):
        kinds.add(record)
        read += 1
    if read < 2:
        _check_not_nested(files[0].given, texts[0])
    schema = kinds.schema()
    if not schema.names:
        raise SourceError(
            f"{source}: no object with keys: write one JSON object per line, or an array of them"
        )
    table = load_records(connection, source, schema, records)
    if unreadable:
        connection.con.executemany("INSERT INTO unreadable VALUES (?, 'unreadable_line', ?)", unreadable)
    return table


def _records(given: Path, text: Path, note: Note) -> Iterator[Record]:
    with text.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        if file.read(1024).lstrip().startswith("["):
            file.seek(0)
            yield from _array(given, file.read())
            return
        file.seek(0)
        for number, line in enumerate(file, 1):
            if line.strip():
                record = _parsed(line)
                if isinstance(record, dict):
                    yield record
                else:
                    note(number, line.rstrip("\n")[:10_000].encode("utf-8", "replace").decode())


def _array(given: Path, text: str) -> list[Record]:
    try:
        array = json.loads(text, object_hook=_unwrapped)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{given}: not readable as JSON: {error}") from None
    if not all(isinstance(record, dict) for record in array):
        raise SourceError(f"{given}: the JSON array must hold objects, one for each line")
    return list(array)


def _check_not_nested(given: Path, text: Path) -> None:
    """Refuse a file of one object in which an array holds the lines."""
    content = _parsed(text.read_text("utf-8-sig", "surrogateescape"))
    for name, inner in content.items() if isinstance(content, dict) else ():
        if isinstance(inner, list) and len(inner) > 1 and all(isinstance(each, dict) for each in inner):
            raise SourceError(
                f"{given}: is one object, whose {name!r} holds {len(inner):,} objects: write only these, one "
                "JSON object per line or an array of them"
            )


def _unwrapped(value: dict[str, Any]) -> Any:
    """Return the value that MongoDB wraps in its type, as in ``{"$date": "2020-01-31T12:00:00Z"}``."""
    if len(value) == 1:
        ((name, inner),) = value.items()
        return inner if name in _WRAPPINGS else value
    return value


def _parsed(line: str) -> Any:
    """Parse a line; None if it is not JSON in valid text."""
    try:
        line.encode()
        return json.loads(line, object_hook=_unwrapped)
    except (ValueError, RecursionError):
        return None
