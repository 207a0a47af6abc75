"""How the numbers of a source are written, found out from all its values; two readings are refused."""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Any

import ibis
import numpy as np
import pandas as pd

from guanxi.data._findings import DataFinding, told
from guanxi.data._numbers import CURRENCY, read_number
from guanxi.errors import DataError
from guanxi.params import DataParams

_JUNK = 0.05  # largest share of numbers that a given sign may miss, although another reads them
_SIGNS = {".": ("", ",", " ", "'"), ",": ("", ".", " ", "'")}
_CONVENTIONS = tuple((decimal, thousands) for decimal, signs in _SIGNS.items() for thousands in signs)
_SAME = {
    "US$": "$",
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "CNY": "¥",
    "RMB": "¥",
    "JPY": "¥",
    "元": "¥",
    "円": "¥",
    "INR": "₹",
    "RS": "₹",
    "BRL": "R$",
    "KRW": "₩",
    "원": "₩",
    "FR": "CHF",
    "PLN": "ZŁ",
    "CZK": "KČ",
    "RUB": "₽",
    "РУБ": "₽",
    "Р": "₽",
    "TL": "₺",
    "TRY": "₺",
    "HUF": "FT",
    "RON": "LEI",
    "BGN": "ЛВ",
    "SEK": "KR",
    "NOK": "KR",
    "DKK": "KR",
    "ISK": "KR",
}


def resolve_numbers(
    where: str, columns: dict[str, Any], params: DataParams
) -> tuple[DataParams, tuple[DataFinding, ...]]:
    """Find the decimal and thousands signs of text columns (by name), and say so.

    Raises
    ------
    DataError
        If two conventions read all numbers differently, none reads all, the given signs do not fit, or there
        are several currencies.
    """
    texts = {name: column for name, column in columns.items() if column.type().is_string()}
    if not texts:
        return params, ()
    written = _Written(where, texts, params)
    written.check_currencies()
    chosen = written.choose()
    if chosen is None:
        return params, ()
    decimal, thousands = chosen
    return params.model_copy(update={"decimal": decimal, "thousands": thousands}), written.findings(chosen)


def find_numbers(where: str, texts: dict[str, Any], params: DataParams) -> tuple[DataParams, list[str]]:
    """Find which text columns (by name) hold nothing but numbers, and their decimal and thousands signs.

    Unlike amounts, the columns are not added up, so each may have its own currency.

    Raises
    ------
    DataError
        As :func:`resolve_numbers`.
    """
    written = _Written(where, texts, params)
    names = written.columns_read(written.reads.any(axis=1))
    if not names:
        return params, []
    for name in names:
        _Written(where, {name: texts[name]}, params).check_currencies()
    written = _Written(where, {name: texts[name] for name in names}, params)
    chosen = written.choose() or (".", "")
    read = written.reads[:, _CONVENTIONS.index(chosen)]
    resolved = params.model_copy(update={"decimal": chosen[0], "thousands": chosen[1]})
    return resolved, written.columns_read(read)


def number_advice(columns: dict[str, Any], params: DataParams) -> str:
    """Advise on the numbers that are not read."""
    texts = {name: column for name, column in columns.items() if column.type().is_string()}
    if texts:
        written = _Written("", texts, params)
        unread = written.shapes[~written.reads[:, written.allowed].any(axis=1)]
        if len(unread):
            first = unread.iloc[0]
            reading = [
                c for c, reads in zip(_CONVENTIONS, written.reads[unread.index[0]], strict=True) if reads
            ]
            fix = (
                f"use {_setting(reading[0][0])}"
                if reading
                else "map it to a column of plain numbers such as 1234.5"
            )
            return f"{first['column']} has numbers like {first['example']!r}: {fix}"
    return "map amount to a column of plain numbers such as 1234.5"


class _Written:
    """Shapes of numbers (``column, example, lines``), and what each convention makes of the examples."""

    def __init__(self, where: str, texts: dict[str, Any], params: DataParams) -> None:
        self.where, self.params = where, params
        connection = next(iter(texts.values())).get_backend()
        tables = [_shapes(column).mutate(column=ibis.literal(name)) for name, column in texts.items()]
        table = functools.reduce(lambda one, other: one.union(other), tables)
        self.shapes = table.order_by(table.lines.desc(), table.example, table.column).execute()
        self.values, self.plain = _values(connection, self.shapes, params)
        self.reads = ~np.isnan(self.values)
        self.allowed = [i for i, convention in enumerate(_CONVENTIONS) if _allows(params, convention)]

    def columns_read(self, read: Any) -> list[str]:
        """Return the columns of which all shapes are read."""
        whole = pd.Series(read).groupby(self.shapes["column"]).all()
        return [str(name) for name in whole.index[whole]]

    def choose(self) -> tuple[str, str] | None:
        """Choose the convention that reads all numbers that any reads; None if they are plain numbers."""
        readable = self.reads.any(axis=1)
        values, reads = self.values[readable], self.reads[readable]
        shapes = self.shapes[readable]
        fitting = [i for i in range(len(_CONVENTIONS)) if reads[:, i].all()]
        mine = [i for i in fitting if i in self.allowed]
        if not mine:
            self._refuse(shapes, values, reads, fitting)
            return _CONVENTIONS[max(self.allowed, key=lambda i: shapes.loc[reads[:, i], "lines"].sum())]
        first = values[:, mine[0]]
        for i in mine[1:]:
            if (values[:, i] != first).any():
                at = int(np.argmax(values[:, i] != first))
                raise DataError(f"{self.where}: {self._both(shapes.iloc[at], values[at], (mine[0], i))}")
        if (
            self.params.decimal is None
            and self.params.thousands is None
            and (self.plain[readable] == first).all()
        ):
            return None
        return _CONVENTIONS[mine[0]]

    def _refuse(self, shapes: pd.DataFrame, values: Any, reads: Any, fitting: list[int]) -> None:
        """Refuse signs that do not fit, and numbers written in two ways."""
        best = max(self.allowed, key=lambda i: shapes.loc[reads[:, i], "lines"].sum())
        missed = shapes[~reads[:, best]]
        example, column = missed.iloc[0][["example", "column"]]
        given = self.params.decimal is not None or self.params.thousands is not None
        if not given:
            ways = reads[~reads[:, best]][0]
            only = reads[:, best] & ~reads[:, ways].any(axis=1)
            other = shapes[only if only.any() else reads[:, best]].iloc[0]
            decimals = " or ".join(map(_setting, _SIGNS))
            raise DataError(
                f"{self.where}: numbers are written in two ways, {other['example']!r} in {other['column']} "
                f"and {example!r} in {column}: write them in one way, or say which to read with {decimals}"
            )
        swapped = [i for i in fitting if (values[:, i] != values[:, best])[reads[:, best]].any()]
        other_groups = "" if self.params.thousands is None else " --set data.thousands=null"
        if fitting and (swapped or missed["lines"].sum() > _JUNK * shapes["lines"].sum()):
            raise DataError(
                f"{self.where}: data.decimal and data.thousands do not fit {example!r} in {column}: use "
                f"{_setting(_CONVENTIONS[fitting[0]][0])}{other_groups}"
            )

    def _both(self, shape: pd.Series, values: Any, ways: tuple[int, int]) -> str:
        readings = (f"{_shown(values[i])} with {_setting(_CONVENTIONS[i][0])}" for i in ways)
        return f"{shape['column']}: {shape['example']!r} is {' or '.join(readings)}"

    def check_currencies(self) -> None:
        """Refuse amounts in several currencies, which would be added."""
        found: dict[str, str] = {}
        for _, shape in self.shapes[self.reads.any(axis=1)].iterrows():
            text = unicodedata.normalize("NFKC", shape["example"])
            if sign := re.search(CURRENCY, text, re.IGNORECASE):
                word = sign[0].upper().rstrip(".")
                found.setdefault(_SAME.get(word, word), shape["example"])
        if len(found) > 1:
            one, other = list(found.values())[:2]
            raise DataError(
                f"{self.where}: amounts are in several currencies, as in {one!r} and {other!r}: "
                "convert them to one"
            )

    def findings(self, chosen: tuple[str, str]) -> tuple[DataFinding, ...]:
        """Say how numbers are read that are not plain."""
        i = _CONVENTIONS.index(chosen)
        changed = self.reads[:, i] & (self.plain != self.values[:, i])
        shapes = self.shapes[changed]
        if shapes.empty:
            return ()
        first = shapes.iloc[0]
        sign = {".": "point", ",": "comma"}[chosen[0]]
        value = _shown(self.values[shapes.index[0], i])
        return (
            told(
                "number_format",
                f"decimal_{sign}",
                {"example": repr(first["example"]), "column": first["column"], "value": value},
                lines=int(shapes["lines"].sum()),
                examples=tuple(shapes["example"][:3]),
                setting=f"data.decimal={chosen[0]}",
            ),
        )


def _shapes(column: Any) -> Any:
    """Count lines by shape, which decides under which conventions a number can be read."""
    table = column.name("text").as_table()
    text = table.text
    digits = text.translate("012345678", "9" * 9)
    leading = ibis.ifelse(text.re_search("^[^0-9]*0"), "0", "")
    shape = ibis.cases(
        (text.re_search("^-?[0-9]+$"), "9"),
        (text.re_search(r"^-?[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,})$"), "9.99"),
        else_=leading + digits,
    )
    table = table.mutate(shape=shape)
    table = table.filter(table.text.notnull())
    return table.group_by("shape").agg(example=table.text.min(), lines=table.count()).drop("shape")


def _values(connection: Any, shapes: pd.DataFrame, params: DataParams) -> tuple[Any, Any]:
    """Read each example by every convention, and by the engine's own cast."""
    table = connection.create_table(
        "written_numbers", shapes.reset_index(names="place")[["place", "example"]], overwrite=True
    )
    ways = [params.model_copy(update={"decimal": d, "thousands": t}) for d, t in _CONVENTIONS]
    columns = {f"way_{i}": read_number(table.example, way) for i, way in enumerate(ways)}
    read = table.mutate(plain=table.example.try_cast("float64"), **columns).order_by("place").execute()
    connection.drop_table("written_numbers")
    return read[list(columns)].to_numpy(dtype=float), read["plain"].to_numpy(dtype=float)


def _allows(params: DataParams, convention: tuple[str, str]) -> bool:
    return all(
        given in (None, sign)
        for given, sign in zip((params.decimal, params.thousands), convention, strict=True)
    )


def _shown(value: float) -> str:
    return np.format_float_positional(value, trim="-")


def _setting(decimal: str) -> str:
    return f"--set data.decimal={decimal}"
