"""Pairwise judgements on Saaty's scale from YAML: parsing, validation and completion.

The scale: 1 equal, 3 moderate, 5 strong, 7 very strong, 9 extreme importance of one item over another, even
numbers in between, reciprocals for the reverse comparison (Saaty 1980, The Analytic Hierarchy Process).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import ParamsError, did_you_mean

Floats = NDArray[np.float64]
Cell = Callable[[Any, str], Floats]

MOST_CHILDREN = 15
_EXTREME = 9.0
_ROUNDING = 1e-6


def parse_matrix(document: Any, names: Sequence[str], where: str) -> Floats:
    """Parse the judgements of one node: a map of maps with each pair once, or a full matrix.

    ``{price: {service: 3}}`` means that price is three times as important as service. In a matrix the rows
    and columns are in the order of ``names``, and null cells in one half are filled from the other.

    Judgements are numbers, or fractions as text: ``1/3``. ``names`` are the children of the node; ``where``
    names the document in messages and ends with the node. The matrix, shape (n, n), is positive and
    reciprocal: ``matrix[j, i] == 1 / matrix[i, j]``.

    Raises
    ------
    ParamsError
        If a pair is missing, the matrix is not square or not reciprocal, a name is unknown, or a judgement is
        not a number between 1/9 and 9.

    Examples
    --------
    >>> parse_matrix({"price": {"service": 3}}, ["price", "service"], "judgements.goal")
    array([[1.        , 3.        ],
           [0.33333333, 1.        ]])
    """
    return _complete(document, names, where, lambda value, at: np.array([_ratio(value, at)]))[..., 0]


def parse_fuzzy_matrix(document: Any, names: Sequence[str], where: str) -> Floats:
    """Parse fuzzy judgements: as :func:`parse_matrix`, with triangles ``[lower, modal, upper]`` or numbers.

    A number is converted to a triangle of one step on either side on Saaty's scale, for instance 3 to (2, 3,
    4); the ends 1 and 9 remain crisp (the scale of Kilic, Zaim & Delen 2014, Decision Support Systems 66,
    table 1). In the matrix, shape (n, n, 3), ``matrix[j, i]`` is the reciprocal triangle (1 / upper, 1 /
    modal, 1 / lower) of ``matrix[i, j]``. Decreasing triangles are refused.
    """
    return _complete(document, names, where, _triangle)


def as_text(value: float) -> str:
    """Format a judgement, as a fraction if below 1.

    Examples
    --------
    >>> as_text(1 / 3), as_text(2.5)
    ('1/3', '2.5')
    """
    return f"{value:.4g}" if value >= 1.0 else f"1/{1.0 / value:.4g}"


def _complete(document: Any, names: Sequence[str], where: str, cell: Cell) -> Floats:
    """Build the matrix from the given cells, fill each half from the other, and check consistency."""
    if len(names) > MOST_CHILDREN:
        raise ParamsError(
            f"{where} compares {len(names)} items, more than {MOST_CHILDREN}: group them into branches"
        )
    given = {
        (i, j): cell(value, _pair(where, names[i], names[j]))
        for i, j, value in _cells(document, names, where)
    }
    n, width = len(names), len(next(iter(given.values()), ()))
    matrix = np.ones((n, n, width))
    for (i, j), value in given.items():
        back = given.get((j, i))
        if back is not None and not np.allclose(value if i == j else value * back[::-1], 1.0, rtol=_ROUNDING):
            raise ParamsError(_not_reciprocal(where, names, (i, j), (value, back)))
        matrix[i, j], matrix[j, i] = value, 1.0 / value[::-1]
    missing = [
        f"{names[i]} and {names[j]}"
        for i in range(n)
        for j in range(i + 1, n)
        if not {(i, j), (j, i)} & given.keys()
    ]
    if missing:
        more = f" (and {len(missing) - 3} more pairs)" if len(missing) > 3 else ""
        raise ParamsError(f"{where} is incomplete: judge {'; '.join(missing[:3])}{more}")
    return matrix


def _cells(document: Any, names: Sequence[str], where: str) -> list[tuple[int, int, Any]]:
    if isinstance(document, Mapping):
        return [
            (_place(row, names, where), _place(column, names, where), value)
            for row, below in document.items()
            for column, value in _row(below, row, where).items()
        ]
    if not isinstance(document, list | tuple):
        raise ParamsError(f"{where} = {document!r}: write a map as in {{price: {{service: 3}}}}, or a matrix")
    lengths = [len(row) if isinstance(row, list | tuple) else 1 for row in document]
    if lengths != [len(names)] * len(names):
        raise ParamsError(
            f"{where}: the matrix has {len(lengths)} rows of length {', '.join(map(str, lengths))}, not "
            f"{len(names)} x {len(names)}: one row and one column each for {', '.join(names)}"
        )
    return [
        (i, j, value) for i, row in enumerate(document) for j, value in enumerate(row) if value is not None
    ]


def _row(below: Any, row: Any, where: str) -> Mapping[Any, Any]:
    if not isinstance(below, Mapping):
        raise ParamsError(f"{where}.{row} = {below!r}: write a map as in {{price: {{service: 3}}}}")
    return below


def _place(name: Any, names: Sequence[str], where: str) -> int:
    if name not in names:
        raise ParamsError(f"{where}: {name!r} is not compared here: {did_you_mean(str(name), names)}")
    return list(names).index(name)


def _ratio(value: Any, at: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(Fraction(value))
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        number = math.nan
    if math.isnan(number):
        raise ParamsError(f"{at} is judged {value!r}: write a number, or a fraction such as 1/3")
    if not (1.0 - _ROUNDING) / _EXTREME <= number <= _EXTREME * (1.0 + _ROUNDING):
        raise ParamsError(f"{at} is judged {value}: Saaty's scale goes from 1/9 through 1 (equal) to 9")
    return number


def _triangle(value: Any, at: str) -> Floats:
    if not isinstance(value, list | tuple):
        return fuzzified(_ratio(value, at))
    if len(value) != 3:
        raise ParamsError(f"{at} is judged {value!r}: write [lower, modal, upper]")
    triangle = np.array([_ratio(part, at) for part in value])
    if (np.diff(triangle) < 0.0).any():
        raise ParamsError(f"{at} is judged {value!r}: lower <= modal <= upper must hold")
    return triangle


def fuzzified(judgement: float) -> Floats:
    """Triangle of one step on either side on Saaty's scale; 1 and 9 remain crisp.

    Examples
    --------
    >>> fuzzified(3.0), fuzzified(1 / 2)
    (array([2., 3., 4.]), array([0.33333333, 0.5       , 1.        ]))
    """
    if judgement < 1.0:
        reciprocal: Floats = 1.0 / fuzzified(1.0 / judgement)[::-1]
        return reciprocal
    step = 0.0 if judgement in (1.0, _EXTREME) else 1.0
    return np.array([max(judgement - step, 1.0), judgement, min(judgement + step, _EXTREME)])


def _pair(where: str, row: str, column: str) -> str:
    return f"{where}: {row} against {column}"


def _not_reciprocal(
    where: str, names: Sequence[str], pair: tuple[int, int], values: tuple[Floats, Floats]
) -> str:
    row, column = names[pair[0]], names[pair[1]]
    there, back = (" ".join(map(as_text, value)) for value in values)
    if row == column:
        return f"{_pair(where, row, column)} is judged {there}: an item against itself is 1, or left out"
    needed = " ".join(map(as_text, 1.0 / values[0][::-1]))
    return (
        f"{_pair(where, row, column)} is judged {there}, but {column} against {row} {back}: "
        f"make the latter {needed}, or leave it out"
    )
