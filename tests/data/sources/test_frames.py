"""Tables of other Python libraries are read like files: every value survives, of columns of any type."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.errors import GuanxiError, SourceError
from guanxi.params import DataParams

ROWS = {
    "customer_id": ["a", "b", "a"],
    "timestamp": ["2020-01-01", "2020-01-02", "2020-02-03"],
    "amount": [1.5, 2.0, 4.0],
}
CONNECTION = duckdb.connect()
DATES = [dt.date.fromisoformat(day) for day in ROWS["timestamp"]]


def relation() -> duckdb.DuckDBPyRelation:
    return CONNECTION.from_df(pd.DataFrame(ROWS))


def lines(source: Any, **params: Any) -> pd.DataFrame:
    log = read_transactions(source, DataParams(**params))
    table: pd.DataFrame = log.lines.order_by("line_number").execute()
    log.close()
    return table


FORMS = {
    "pandas": lambda: pd.DataFrame(ROWS, index=[7, 7, 7]),
    "object columns": lambda: pd.DataFrame(ROWS, dtype="object"),
    "nullable": lambda: pd.DataFrame(ROWS).convert_dtypes(),
    "pandas of Arrow": lambda: pd.DataFrame(ROWS).convert_dtypes(dtype_backend="pyarrow"),
    "category": lambda: pd.DataFrame(ROWS).astype("category"),
    "period": lambda: pd.DataFrame(ROWS | {"timestamp": pd.PeriodIndex(ROWS["timestamp"], freq="D")}),
    "dates": lambda: pd.DataFrame(ROWS | {"timestamp": DATES}),
    "decimals": lambda: pd.DataFrame(ROWS | {"amount": [Decimal("1.5"), Decimal(2), Decimal(4)]}),
    "half precision": lambda: pd.DataFrame(ROWS | {"amount": np.array(ROWS["amount"], dtype="float16")}),
    "Arrow table": lambda: pa.table(ROWS),
    "Arrow batch": lambda: pa.record_batch(ROWS),
    "Arrow reader": lambda: pa.table(ROWS).to_reader(),
    "polars": lambda: pl.DataFrame(ROWS),
    "lazy polars": lambda: pl.LazyFrame(ROWS).filter(pl.col("amount") > 0),
    "DuckDB": relation,
    "columns": lambda: ROWS,
    "rows": lambda: pd.DataFrame(ROWS).to_dict("records"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_lines(form: str) -> None:
    found = lines(FORMS[form]())
    assert found["customer_id"].tolist() == ["a", "b", "a"]
    assert found["amount"].tolist() == [1.5, 2.0, 4.0]
    assert found["timestamp"].astype(str).tolist() == ROWS["timestamp"]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([2**70, 2**70 + 1, None], [str(2**70), str(2**70 + 1)]),
        (pd.Series([2**64 - 1, 2**64 - 2, None], dtype="object"), [str(2**64 - 1), str(2**64 - 2)]),
        ([b"a", b"\xff\x01", None], ["a", "ff01"]),
        (["A1", 7, np.nan], ["A1", "7"]),
        ([(1, "x"), (1, "y"), None], ["(1, 'x')", "(1, 'y')"]),
        (pd.Categorical(["b", "a", None], categories=["b", "a"]), ["b", "a"]),
    ],
    ids=["beyond 2^64", "below 2^64", "bytes", "mixed", "pairs", "category"],
)  # fmt: skip
@pytest.mark.slow
def test_identifiers_stay_apart(ids: Any, expected: list[str]) -> None:
    found = lines(pd.DataFrame(ROWS | {"customer_id": ids}))
    assert found["customer_id"].tolist() == expected


UNREAD = {
    "interval": pd.interval_range(0, 3),
    "complex": [1j, 2j, 3j],
    "duration": pd.to_timedelta([1, 2, 3], unit="D"),
    "objects": [object(), uuid.UUID(int=1), {1, 2}],
    "lists": [[1], [1, 2], []],
    "nothing": [None, None, None],
    "sparse": pd.arrays.SparseArray([0.0, 0.0, 1.0]),
}


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.slow
def test_columns_that_nobody_asked_for_do_not_matter(kind: str) -> None:
    log = read_transactions(pd.DataFrame(ROWS).assign(other=UNREAD[kind]))
    assert (log.lines_accepted, log.repeated_lines) == (3, 0)
    assert "other" in log.rejected.columns


def test_columns_of_any_type_count_when_lines_are_compared() -> None:
    frame = pd.DataFrame(ROWS).assign(other=pd.interval_range(0, 3))
    log = read_transactions(pd.concat([frame, frame.iloc[:1], frame.iloc[[0]].assign(other=frame.other[1])]))
    assert log.repeated_lines == 1


def test_times_with_a_zone_are_converted() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    times = [dt.datetime(2020, 1, 1, 23, tzinfo=zone)] * 3
    for frame in (pd.DataFrame(ROWS | {"timestamp": times}), pl.DataFrame(ROWS | {"timestamp": times})):
        assert lines(frame)["date"].astype(str).tolist() == ["2020-01-02"] * 3


@pytest.mark.parametrize(
    "source",
    [
        *(None, 5, b"cdnow", np.array([1.0]), pd.Series([1.0]), pl.Series([1]), object(), [1, 2], {}, {1, 2}),
        {"a": [1], "b": [1, 2]},
        pl.LazyFrame(ROWS).select("absent"),
    ],
    ids=lambda source: type(source).__name__,
)  # fmt: skip
def test_what_is_not_a_table(source: Any) -> None:
    with pytest.raises(GuanxiError) as caught:
        read_transactions(source)
    assert isinstance(caught.value, SourceError)
    assert "\n" not in str(caught.value)
