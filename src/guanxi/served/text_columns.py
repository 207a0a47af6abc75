"""Columns of texts: Python's strings for few rows; for many rows Arrow's, which are not made one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, reduce
from operator import add
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: An array of objects, or of Arrow; one text may stand for the same in all rows.
Texts = Any

_MANY = 4096


def taken(texts: Sequence[str], codes: NDArray[np.intp]) -> Texts:
    """Texts by their places; none where that is negative.

    Examples
    --------
    >>> taken(["no", "yes"], np.array([1, 0, -1]))
    array(['yes', 'no', None], dtype=object)
    """
    if len(codes) < _MANY or _arrow() is None:
        return np.array([*texts, None], dtype=object)[codes]
    return _arrow().array(texts, "string").take(_arrow().array(codes, mask=codes < 0))


def joined(pieces: Iterable[Texts]) -> Texts:
    """Concatenate texts row by row.

    Examples
    --------
    >>> joined([np.array(["a", "b"], dtype=object), "!"])
    array(['a!', 'b!'], dtype=object)
    """
    given = [piece for piece in pieces if not isinstance(piece, str) or piece]
    if not any(map(_is_arrow, given)):
        return np.asarray(reduce(add, given), dtype=object)
    return _compute().binary_join_element_wise(*given, "")


def chosen(condition: NDArray[np.bool_], yes: Texts, no: Texts) -> Texts:
    """One text where the condition holds, and another elsewhere."""
    if _is_arrow(yes) or _is_arrow(no):
        yes, no = (each.item() if isinstance(each, np.ndarray) else each for each in (yes, no))
        return _compute().if_else(_arrow().array(condition), yes, no)
    return np.where(condition, np.asarray(yes, dtype=object), np.asarray(no, dtype=object))


def gathered(size: int, parts: Sequence[tuple[NDArray[np.intp], Texts]]) -> Texts:
    """Put the texts of some rows each into a column of ``size`` rows; None in the others.

    Examples
    --------
    >>> gathered(3, [(np.array([2, 0]), np.array(["c", "a"], dtype=object))])
    array(['a', None, 'c'], dtype=object)
    """
    if size < _MANY or _arrow() is None:
        column = np.full(size, None, dtype=object)
        for rows, texts in parts:
            column[rows] = texts
        return column
    pa = _arrow()
    places, known, first = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=bool), 0
    for rows, _ in parts:
        places[rows] = np.arange(first, first + len(rows))
        known[rows] = True
        first += len(rows)
    every = [
        texts if _is_arrow(texts) else pa.array(np.broadcast_to(texts, len(rows)), "string")
        for rows, texts in parts
    ]
    return as_column(pa.concat_arrays([pa.array([], "string"), *every]).take(pa.array(places, mask=~known)))


def as_column(texts: Texts) -> Any:
    """Texts as pandas stores them."""
    return pd.array(texts, dtype="str") if _is_arrow(texts) else texts


@cache
def _arrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        return None
    return pyarrow


@cache
def _compute() -> Any:
    import pyarrow.compute

    return pyarrow.compute


def _is_arrow(texts: Texts) -> bool:
    return type(texts).__module__.startswith("pyarrow")
