"""Columns of any type come out canonical, and what cannot be read is rejected by name."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.params import DataParams

Reader = Callable[..., Any]
TIMES = pd.to_datetime(["2020-01-01 23:30", "2020-01-02 00:00"])


def read(params: dict[str, Any] | None = None, **columns: Any) -> Any:
    table = {"customer_id": [1, 2], "timestamp": TIMES, "amount": [1.5, 2.0]} | columns
    return read_transactions(pd.DataFrame(table), DataParams(**(params or {})))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1, 2], [1, 2]),
        (["007", "7"], ["007", "7"]),
        (pd.Categorical(["b", "a"]), ["b", "a"]),
        (pd.array([1, 2**62], dtype="Int64"), [1, 2**62]),
        (["a", 1], ["a", "1"]),
        ([uuid.UUID(int=1), uuid.UUID(int=2)], [uuid.UUID(int=1), uuid.UUID(int=2)]),
    ],
    ids=["integer", "text", "category", "nullable", "mixed", "uuid"],
)
def test_customer_id_passes_unchanged(ids: Any, expected: list[Any]) -> None:
    log = read(customer_id=ids)
    for table in (log.lines, log.events):
        assert table.order_by("amount").execute()["customer_id"].tolist() == expected


def test_an_integer_id_stays_an_integer_beside_a_missing_one() -> None:
    log = read(customer_id=pd.array([1, None], dtype="Int64"))
    assert log.lines.execute()["customer_id"].dtype == np.int64
    assert log.rejected_by_rule == {"missing_customer": 1}


def test_ids_in_csv_stay_text_and_blank_ones_are_missing(read_lines: Reader) -> None:
    log = read_lines('0012,2020-01-01,4\n" ",2020-01-01,5\n,2020-01-01,4\n"",2020-01-01,3\n\t,2020-01-01,1\n')
    assert log.lines.execute()["customer_id"].tolist() == ["0012"]
    assert log.rejected_by_rule == {"missing_customer": 4}
    assert log.rejected.execute()["customer_id"].iloc[0] == " "


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ([1, 2], [1.0, 2.0]),
        ([Decimal("1.25"), Decimal(2)], [1.25, 2.0]),
        (["1.5", " 2e1 "], [1.5, 20.0]),
        (np.array([1.5, 2], dtype="float32"), [1.5, 2.0]),
        (pd.array([1, 2], dtype="UInt8"), [1.0, 2.0]),
    ],
    ids=["integer", "decimal", "text", "float32", "unsigned"],
)
def test_amounts_of_any_type_become_floats(amounts: Any, expected: list[float]) -> None:
    assert read(amount=amounts).lines.order_by("line_number").execute()["amount"].tolist() == expected


@pytest.mark.parametrize("amounts", [TIMES, [[1], [2]], ["a", "b"]], ids=["times", "lists", "words"])
def test_amounts_that_are_no_numbers(amounts: Any) -> None:
    with pytest.raises(DataError, match="unparsable_amount 2"):
        read(amount=amounts)


@pytest.mark.parametrize(
    ("times", "params"),
    [
        ([dt.date(2020, 1, 1), dt.date(2020, 1, 2)], {}),
        (["2020-01-01", "2020-01-02T00:00:00"], {}),
        ([20200101, 20200102], {"timestamp_format": "%Y%m%d"}),
        ([20200101.0, 20200102.0], {"timestamp_format": "%Y%m%d"}),
        (["01/01/2020", "02/01/2020"], {"timestamp_format": "%d/%m/%Y"}),
        (TIMES, {"timestamp_format": "%d/%m/%Y"}),
    ],
    ids=["date", "text", "integer", "float", "day first", "format not needed"],
)
def test_times_of_any_type(times: Any, params: dict[str, Any]) -> None:
    days = read(params, timestamp=times).events.order_by("customer_id").execute()["date"]
    assert [str(day)[:10] for day in days] == ["2020-01-01", "2020-01-02"]


@pytest.mark.parametrize(
    "times", [[dt.time(1), dt.time(2)], pd.to_timedelta([1, 2], unit="D"), [1, 2], [True, False]],
    ids=["time of day", "duration", "integer", "boolean"],
)  # fmt: skip
def test_times_that_are_none(times: Any) -> None:
    with pytest.raises(DataError, match="unparsable_timestamp 2"):
        read(timestamp=times)


def test_words_and_years_that_no_log_holds_are_unparsable(read_lines: Reader) -> None:
    words = ["infinity", "-infinity", "epoch", "now", "today", "0044-03-15 (BC)", "-1000-01-01", "2020-02-30"]
    log = read_lines("1,2020-01-01,1\n" + "".join(f"1,{word},1\n" for word in words))
    assert log.rejected_by_rule == {"unparsable_timestamp": len(words)}


@pytest.mark.slow
def test_the_first_and_the_last_instants_are_handled(read_lines: Reader) -> None:
    log = read_lines("1,1900-01-02,1\n1,2020-02-29,1\n1,290000-01-01,1\n1,2999-01-01,1\n1,0001-01-01,1\n")
    assert (log.first_day, log.last_day) == (dt.date(1900, 1, 2), dt.date(2020, 2, 29))
    assert log.rejected_by_rule == {"future_timestamp": 1, "unparsable_timestamp": 2}


def test_a_time_with_an_offset_falls_on_the_day_of_the_data_s_time_zone(read_lines: Reader) -> None:
    """23:30 in Greenwich is the next morning in Shanghai; a time without offset is already there."""
    times = [
        "2020-01-01T23:30:00Z",
        "2020-01-01T23:30:00+00:00",
        "2020-01-01 23:30",
        "2020-01-02 01:30:00+09",
    ]
    log = read_lines("".join(f"{i},{time},1\n" for i, time in enumerate(times)), timezone="Asia/Shanghai")
    days = log.lines.order_by("line_number").execute()["date"]
    assert [str(day)[:10] for day in days] == ["2020-01-02", "2020-01-02", "2020-01-01", "2020-01-02"]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_aware_columns_are_converted(zone: str) -> None:
    aware = pd.to_datetime(["2020-01-01 23:30", "2020-01-02 12:00"]).tz_localize("UTC").tz_convert(zone)
    days = (
        read({"timezone": "Asia/Shanghai"}, timestamp=aware).lines.order_by("line_number").execute()["date"]
    )
    assert [str(day)[:10] for day in days] == ["2020-01-02", "2020-01-02"]


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M %z", "%d/%m/%Y %H:%M %Z"])
def test_formats_with_an_offset(read_lines: Reader, form: str) -> None:
    offset = "+0000" if form.endswith("%z") else "UTC"
    log = read_lines(f"1,31/01/2020 23:30 {offset},1\n", timezone="Asia/Shanghai", timestamp_format=form)
    assert log.last_day == dt.date(2020, 2, 1)


def test_hours_that_summer_time_skips_stay_on_their_day(read_lines: Reader) -> None:
    """Midnight of 2018-11-04 did not exist in Sao Paulo, nor half past one of 2020-03-29 in London."""
    sao_paulo = read_lines("1,2018-11-04 00:00:00,5\n2,2018-11-03 23:59,1\n", timezone="America/Sao_Paulo")
    days = sao_paulo.lines.order_by("line_number").execute()["date"]
    assert [str(day)[:10] for day in days] == ["2018-11-04", "2018-11-03"]
    assert read_lines("1,2020-03-29 01:30,5\n", timezone="Europe/London").last_day == dt.date(2020, 3, 29)


@pytest.mark.parametrize("zone", ["localtime", "posix/Europe/London"])
def test_zones_of_this_machine_only(zone: str) -> None:
    with pytest.raises((ParamsError, ValueError), match=r"data.timezone|IANA"):
        read({"timezone": zone})


def test_a_format_that_is_none() -> None:
    with pytest.raises(
        ParamsError, match=r"data.timestamp_format '%Q/%m' is not valid: write it like %d/%m/%Y"
    ):
        read({"timestamp_format": "%Q/%m"})


class TestProducts:
    @pytest.mark.slow
    def test_two_and_three_factors(self, read_lines: Reader) -> None:
        header = "customer_id,timestamp,q,p,d\n"
        lines = "1,2020-01-01,2,3,0.5\n2,2020-01-01,,3,1\n3,2020-01-01,x,3,1\n"
        two = read_lines(lines, header=header, columns={"amount": "q*p"})
        three = read_lines(lines, header=header, columns={"amount": " q * p*d"})
        assert two.lines.execute()["amount"].tolist() == [6.0]
        assert three.lines.execute()["amount"].tolist() == [3.0]
        assert two.rejected_by_rule == {"missing_amount": 1, "unparsable_amount": 1}

    def test_a_column_of_that_very_name_comes_first(self, read_lines: Reader) -> None:
        log = read_lines(
            "1,2020-01-01,9,2,3\n", header="customer_id,timestamp,q*p,q,p\n", columns={"amount": "q*p"}
        )
        assert log.lines.execute()["amount"].tolist() == [9.0]

    def test_products_beyond_numbers_are_not_finite(self, read_lines: Reader) -> None:
        lines = "1,2020-01-01,1e300,1e300\n2,2020-01-01,0,inf\n3,2020-01-01,1,1\n"
        log = read_lines(lines, header="customer_id,timestamp,q,p\n", columns={"amount": "q*p"})
        assert log.rejected_by_rule == {"non_finite_amount": 2}

    @pytest.mark.parametrize("column", ["q*z", "z*q", "q*"])
    def test_a_missing_factor(self, read_lines: Reader, column: str) -> None:
        absent = "" if column == "q*" else "z"
        with pytest.raises(
            SourceError, match=f"no column '{absent}' for amount; it has customer_id, timestamp, q: map"
        ):
            read_lines("1,2020-01-01,1\n", header="customer_id,timestamp,q\n", columns={"amount": column})

    def test_only_numbers_are_products(self, read_lines: Reader) -> None:
        with pytest.raises(SourceError, match=r"no column 'q\*p' for customer_id"):
            read_lines(
                "1,2020-01-01,1\n",
                header="q,timestamp,p\n",
                columns={"customer_id": "q*p", "amount": "p"},
            )


def test_a_mapped_optional_column_must_exist() -> None:
    with pytest.raises(
        SourceError, match="no column 'kind' for category; it has customer_id, timestamp, amount"
    ):
        read({"columns": {"category": "kind"}})


def test_an_ignored_column_must_exist() -> None:
    with pytest.raises(
        SourceError, match="duplicates_ignore names 'sheet', which is not a column; it has customer_id"
    ):
        read({"duplicates_ignore": ("sheet",)})


def test_optional_columns_pass_by_their_own_name() -> None:
    log = read(
        order_id=[7, 8], category=["x", " "], quantity=["2", "y"], margin=[0.5, np.nan], unknown=[1, 2]
    )
    lines = log.lines.order_by("line_number").execute()
    assert lines["order_id"].tolist() == ["7", "8"]
    assert lines["category"].isna().tolist() == [False, True]
    assert lines["quantity"].isna().tolist() == [False, True]
    assert "unknown" not in lines
    events = log.events.order_by("customer_id").execute()
    assert events["margin"].isna().tolist() == [False, True]
