"""Compiled loops for many rows: the import of numba and the first compilation take longer than few rows."""

from __future__ import annotations

from functools import cache
from typing import Any

#: The module :mod:`._loops`, or None where NumPy is as fast, or numba is not installed.
Loops = Any

_MANY = 40_000


def loops_for(rows: int) -> Loops:
    """Return the compiled loops if there are rows enough and numba is installed, else None."""
    return _compiled() if rows >= _MANY else None


@cache
def _compiled() -> Loops:
    try:
        from . import _loops
    except ImportError:  # a served model does without
        return None
    return _loops
