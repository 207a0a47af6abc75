"""What columns that are not mapped say of accepted lines: several currencies, orders that did not stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import ibis
import pandas as pd

from guanxi.data._findings import DataFinding, counted, share_of, told
from guanxi.data._identifiers import present
from guanxi.data._numbers import CURRENCY
from guanxi.data._plausibility import SHOWN, rounded
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.params import DataParams

_MOST_VALUES = 40  # of a column that classifies lines
_SAMPLE = 5000
_CURRENCY_NAME = re.compile("currency|^curr$|w(?:ä|ae)hrung|^moneda|^devise|币种|货币|通貨", re.IGNORECASE)
_UNDONE = re.compile(
    r"\b(?:cancel|refund|void|fail|declin|denied|reject|revers|chargeback|charged.?back|abandon|expired|unpaid"
    r"|return(?:ed)?\b|not.?paid|storn|erstattet|abgelehnt|annul|rembours|cancelad|anulad|devuelt|reembols|rechazad)"
    r"|取消|退款|退货|失败|作废|交易关闭|拒绝|キャンセル|返金|返品",
    re.IGNORECASE,
)
_TRUE = ("true", "yes", "y", "1", "ja", "oui", "si", "sí", "是")
_FALSE = ("false", "no", "n", "0", "nein", "non", "否")


def examine_other_columns(
    connection: Any, source: SourceTable, accepted: Any, mapped: set[str], params: DataParams
) -> Iterator[DataFinding]:
    """Name currencies that are added up and orders that are counted though they did not stand.

    Parameters
    ----------
    connection : ibis backend
        The engine.
    source : SourceTable
    accepted : ibis.Table
        Accepted lines with ``line_number`` and ``amount``.
    mapped : set of str
        Columns of the source that are mapped.
    params : DataParams
    """
    names = _classifying(source, mapped)
    if not names:
        return
    # Refunds are netted; a purchase is what is left.
    bought = accepted.filter((accepted.amount > 0).fill_null(True))
    columns = {f"column_{number}": source.table[name] for number, name in enumerate(names)}
    given = source.table.select(line_number=source.table[ROW], **columns)
    joined = given.inner_join(bought.select("line_number", "amount"), "line_number")
    lines = connection.create_table("classified", joined.drop("line_number"))
    for column, name in zip(columns, names, strict=True):
        table = _by_value(lines, column, params)
        if 0 < len(table) <= _MOST_VALUES:
            yield from _currencies(name, table)
            yield from _undone(name, table)
    connection.drop_table("classified")


def _by_value(lines: Any, column: str, params: DataParams) -> pd.DataFrame:
    """Lines and amount of each value, the most frequent first; of more than forty values the first."""
    # Of values as they stand there are few, and judging each line would take longer than adding them up.
    raw = lines.group_by(column).agg(lines=lines.count(), amount=lines.amount.sum())
    named = raw.mutate(value=present(raw[column].cast("string"), params.missing))
    named = named.filter(named.value.notnull())
    found = named.group_by("value").agg(lines=named.lines.sum(), amount=named.amount.sum())
    table: pd.DataFrame = found.order_by(ibis.desc("lines"), "value").limit(_MOST_VALUES + 1).execute()
    return table


def _classifying(source: SourceTable, mapped: set[str]) -> list[str]:
    """Return the columns that are not mapped and whose first lines have few values."""
    kinds = source.table.schema()
    names = [name for name in source.columns if name not in mapped and _classifies(kinds[name])]
    if not names:
        return []
    sample = source.table.select(names).limit(_SAMPLE)
    counts = sample.agg(**{name: sample[name].nunique() for name in names}).execute().iloc[0]
    return [name for name in names if 0 < counts[name] <= _MOST_VALUES]


def _classifies(kind: Any) -> bool:
    return bool(kind.is_string() or kind.is_boolean() or kind.is_integer())


def _currencies(name: str, table: pd.DataFrame) -> Iterator[DataFinding]:
    codes = table["value"].str.strip().str.fullmatch(CURRENCY, case=False)
    if table["amount"].isna().all() or len(table) < 2 or not (codes.all() or _CURRENCY_NAME.search(name)):
        return
    others = table.iloc[1:]
    yield told(
        "several_currencies",
        facts={"column": name, "count": str(len(table))},
        lines=int(others["lines"].sum()),
        value=rounded(others["amount"].sum()),
        examples=_values(table),
    )


def _undone(name: str, table: pd.DataFrame) -> Iterator[DataFinding]:
    words = table["value"].str.strip().str.lower()
    if _UNDONE.search(name.replace("_", " ")) and words.isin([*_TRUE, *_FALSE]).all():
        found = table[words.isin(_TRUE)]
    else:
        found = table[words.str.replace("_", " ").str.contains(_UNDONE)]
    if found.empty:
        return
    total = found["lines"].sum()
    yield told(
        "undone_orders",
        facts={
            "lines": counted("lines", int(total)),
            "share": share_of(total, table["lines"].sum()),
            "column": name,
        },
        lines=int(total),
        value=rounded(found["amount"].sum(min_count=1)),
        examples=_values(found),
    )


def _values(table: pd.DataFrame) -> tuple[str, ...]:
    pairs = zip(table["value"].head(SHOWN), table["lines"], strict=False)
    return tuple(f"{str(value)[:40]}: {counted('lines', int(lines))}" for value, lines in pairs)
