"""Conditions on a customer, written as a map from column to test; no code is evaluated.

A test is a value (``tier: high``), a list of alternatives (``tier: [high, middle]``), or comparisons as text
(``"> 0.5"``, ``">= 2 and < 5"``, ``"!= web"``). A condition holds if every test does; unknown values fail
every test.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.data.attribute_values import to_text
from guanxi.errors import ParamsError, did_you_mean
from guanxi.params.scorecard import Criterion, Scalar
from guanxi.served.ordering import ROUNDING

Booleans = NDArray[np.bool_]

_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
OPERATORS = (*_ORDERS, "==", "!=")
_MEANT = {"=": "==", "===": "==", "=<": "<=", "≤": "<=", "=>": ">=", "≥": ">=", "<>": "!=", "≠": "!="}
SIGNS = "<>=!≤≥≠"
_COMPARISON = re.compile(rf"([{SIGNS}]+)\s*(.*)", re.DOTALL)
_AND = re.compile(rf"\s+and\s+(?=[{SIGNS}])")


@dataclass(frozen=True)
class Comparison:
    """Comparison of a column with a value, or with several alternatives."""

    column: str
    operator: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        """Format the test for display."""
        if len(self.words) == 1:
            return f"{self.column} {self.operator} {self.words[0]}"
        return f"{self.column} in ({', '.join(self.words)})"


@dataclass(frozen=True)
class Condition:
    """Comparisons that must all hold; ``where`` names the condition in errors.

    Examples
    --------
    >>> condition = parse_condition({"tier": "high", "churn_probability": "> 0.5"}, "playbook rule 1")
    >>> str(condition)
    'tier == high and churn_probability > 0.5'
    >>> condition.holds(pd.DataFrame({"tier": ["high", "high"], "churn_probability": [0.4, 0.6]})).tolist()
    [False, True]
    """

    tests: tuple[Comparison, ...]
    where: str

    def __str__(self) -> str:
        """Format the condition for display; a condition without tests holds for everyone."""
        return " and ".join(map(str, self.tests)) or "everyone"

    def check(self, columns: Iterable[str]) -> None:
        """Refuse unknown columns (ParamsError)."""
        known = list(columns)
        for test in self.tests:
            if test.column not in known:
                hint = did_you_mean(test.column, known)
                raise ParamsError(f"{self.where}: column {test.column!r} is unknown: {hint}")

    def holds(self, table: pd.DataFrame) -> Booleans:
        """Evaluate the condition for each row, shape (n,).

        Raises ParamsError if a column is unknown, or is text in a numeric comparison.
        """
        self.check(table.columns)
        result = np.ones(len(table), dtype=bool)
        for test in self.tests:
            result &= self._passes(test, table[test.column])
        return result

    def _passes(self, test: Comparison, values: pd.Series[Any]) -> Booleans:
        kind = values.dtype
        if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
            return self._compare_numbers(test, values.to_numpy(dtype=np.float64, na_value=np.nan))
        if test.operator in _ORDERS:
            raise ParamsError(
                f"{self.where}: {test}: {test.column} is not numeric, so it cannot be compared by size: "
                "give a value or a list of values"
            )
        text = to_text(values.astype(object))
        found = text.isin(test.words) if test.operator == "==" else ~text.isin(test.words)
        return (found & text.notna()).to_numpy(dtype=bool)

    def _compare_numbers(self, test: Comparison, values: NDArray[np.float64]) -> Booleans:
        wanted = [_number(word, f"{self.where}: {test}: {test.column} is numeric") for word in test.words]
        equal = np.asarray(np.isclose(values[:, None], wanted, rtol=ROUNDING, atol=0.0).any(axis=1))
        if test.operator in _ORDERS:
            beyond = np.asarray(_ORDERS[test.operator](values, wanted[0]), dtype=bool)
            return np.where(equal, "=" in test.operator, beyond)
        found = equal
        return found if test.operator == "==" else ~found & ~np.isnan(values)


def parse_condition(when: Mapping[str, Criterion], where: str) -> Condition:
    """Parse a condition from a map of column to test.

    Parameters
    ----------
    when : mapping
        Column -> value, list of values, or comparisons as text.
    where : str
        Name of the condition in errors, such as "playbook rule 2".

    Raises
    ------
    ParamsError
        If an operator is unknown, a value is missing, or a value compared by size is not a number.
    """
    tests = (test for column, given in when.items() for test in _tests(column, given, where))
    return Condition(tuple(tests), where)


def _tests(column: str, given: Criterion, where: str) -> list[Comparison]:
    if isinstance(given, list):
        if not given:
            raise ParamsError(f"{where}: {column} has an empty list: give the allowed values")
        return [Comparison(column, "==", tuple(_word(value, column, where) for value in given))]
    text = _word(given, column, where)
    if text[0] not in SIGNS:
        return [Comparison(column, "==", (text,))]
    return [_comparison(column, part, where) for part in _AND.split(text)]


def _comparison(column: str, text: str, where: str) -> Comparison:
    sign, value = _COMPARISON.match(text).groups()  # type: ignore[union-attr]
    if sign not in OPERATORS:
        hint = f"did you mean {_MEANT[sign]}?" if sign in _MEANT else f"known are {' '.join(OPERATORS)}"
        raise ParamsError(f"{where}: operator {sign!r} of {column} is unknown: {hint}")
    if not value.strip():
        raise ParamsError(f"{where}: {column}: no value after {sign}: write one, as in {sign} 0.5")
    if sign in _ORDERS:
        _number(value, f"{where}: {column} {text}")
    return Comparison(column, sign, (value.strip(),))


def _word(value: Scalar, column: str, where: str) -> str:
    word = to_text(pd.Series([value], dtype=object)).iloc[0]
    if word is None:
        raise ParamsError(f"{where}: {column} has no value to compare with: write one, or leave the line out")
    return str(word)


def _number(word: str, what: str) -> float:
    try:
        return float({"true": "1", "false": "0"}.get(word, word))
    except ValueError:
        raise ParamsError(f"{what}, and {word!r} is not a number") from None
