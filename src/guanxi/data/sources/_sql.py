"""Names and values in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def identifier(name: str) -> str:
    """Quote an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def escape_glob(path: Path) -> str:
    """Escape wildcard characters in a file name."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


def literal(value: Any) -> str:
    """Format a value as an SQL literal."""
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    return "'" + str(value).replace("'", "''") + "'"
