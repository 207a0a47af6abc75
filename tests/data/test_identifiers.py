"""Who is a customer: one identifier for every way of writing it, and none for words that mean nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.one_customer import only_customer
from guanxi.data.relations.tables import read_relations
from guanxi.data.transactions import read_transactions
from guanxi.params import DataParams, Params

Reader = Callable[..., Any]


def customers(ids: Any, **params: Any) -> list[Any]:
    """The customers of a table with these identifiers, one line each, in order of their type."""
    table = pd.DataFrame({"customer_id": ids})
    table["timestamp"], table["amount"] = "2020-01-01", 1.0
    log = read_transactions(table, DataParams(**params))
    return (
        log.lines.select("customer_id").distinct().order_by("customer_id").execute()["customer_id"].tolist()
    )


@pytest.mark.parametrize(
    "written",
    [
        ["C1", "C1 ", " C1", "\tC1", "C1\u00a0", "\ufeffC1", "C1\u3000", "\u200bC1"],
        ["客户1", "客户1 ", "\u3000客户1"],
    ],
    ids=["latin", "chinese"],
)
def test_blanks_around_an_identifier_make_no_other_customer(written: list[str]) -> None:
    assert customers(written) == [written[0]]


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["1.0", "1", "1.00", "2.0"], ["1", "2"]),
        (["1.5", "1.10", "v1.0", "1.0.0", ".0"], [".0", "1.0.0", "1.10", "1.5", "v1.0"]),
        (["0012.0", "0012"], ["0012"]),
        (["1", "1.0", "1.1", "2.0"], ["1", "1.0", "1.1", "2.0"]),
        (['="12"', "`13", '="14', "=15"], ["12", "13", '="14', "=15"]),
        ([1.0, 2.0, np.nan], [1, 2]),
        ([1.0, 2.5], ["1", "2.5"]),
        ([Decimal("1.00"), Decimal(2)], [1, 2]),
        ([Decimal("1.50"), Decimal(2)], ["1.50", "2"]),
        (pd.array([2**64 - 1, 2**64 - 2], dtype="uint64"), [2**64 - 2, 2**64 - 1]),
        ([Decimal(2**64), Decimal(2**64 + 1)], [str(2**64), str(2**64 + 1)]),
        ([b"\xff\x00", b"a"], ["a", "ff00"]),
    ],
)
@pytest.mark.slow
def test_numbers_keep_their_identity_and_lose_their_point(ids: Any, expected: list[Any]) -> None:
    assert customers(ids) == expected


@pytest.mark.parametrize(
    "word", ["NULL", "null", " nan ", "N/A", "NaT", "None", "-", "#N/A", "GUEST", "\u00a0"]
)
@pytest.mark.slow
def test_words_for_nobody_are_no_customer(read_lines: Reader, word: str) -> None:
    log = read_lines(f"a,2020-01-01,1\n{word},2020-01-01,2\n")
    assert log.rejected_by_rule == {"missing_customer": 1}
    assert log.rejected.execute()["customer_id"].tolist() == [word]


def test_the_words_are_a_setting(read_lines: Reader) -> None:
    lines = "a,2020-01-01,1\nNULL,2020-01-01,2\nWalk-In,2020-01-01,2\n"
    log = read_lines(lines, missing=("WALK-IN ",))
    assert sorted(log.lines.execute()["customer_id"]) == ["NULL", "a"]


def test_words_for_a_missing_time_or_amount(read_lines: Reader) -> None:
    log = read_lines("a,2020-01-01,1\nb,NULL,2\nc,2020-01-01,N/A\nd,2020-01-01,-\n")
    assert log.rejected_by_rule == {"missing_timestamp": 1, "missing_amount": 2}


def lines_of(*customers: tuple[str, int]) -> str:
    return "".join(
        f"{customer},2020-{1 + i % 12:02d}-{1 + i % 28:02d},{5 + i % 7}\n"
        for customer, count in customers
        for i in range(count)
    )


OTHERS = [(str(i), 2 + i) for i in range(1, 11)]


class TestGuests:
    def test_a_zero_with_far_more_lines_than_anyone_is_nobody(self, read_lines: Reader) -> None:
        log = read_lines(lines_of(("0", 40), *OTHERS))
        assert log.rejected_by_rule == {"missing_customer": 40}
        assert log.customers == 10
        found = {finding.name: finding for finding in log.findings}["guest_customer"]
        assert (found.lines, found.examples, found.setting) == (40, ("0",), "data.guests=[]")

    @pytest.mark.parametrize(
        ("lines", "params"),
        [
            (lines_of(("0", 40), *OTHERS), {"guests": ()}),
            (lines_of(("0", 36), *OTHERS), {}),
            (lines_of(("0", 19), *((str(i), 1) for i in range(1, 11))), {}),
            (lines_of(("0", 40), *OTHERS[:9]), {}),
        ],
        ids=["kept by the setting", "not three times the busiest", "few lines", "few others"],
    )
    @pytest.mark.slow
    def test_otherwise_it_is_a_customer(self, read_lines: Reader, lines: str, params: dict[str, Any]) -> None:
        log = read_lines(lines, **params)
        assert log.rejected_by_rule == {}
        assert not [each for each in log.findings if each.name == "guest_customer"]

    def test_numbered_from_zero(self) -> None:
        assert customers([0, 1, 2]) == [0, 1, 2]

    def test_guests_by_name(self, read_lines: Reader) -> None:
        log = read_lines(lines_of(("cash", 3), ("1", 2)), guests=("cash",))
        assert log.rejected_by_rule == {"missing_customer": 3}

    def test_whole_numbers_in_the_setting_are_identifiers(self) -> None:
        assert DataParams.model_validate({"guests": [0, 99]}).guests == ("0", "99")
        assert customers([0, 1, 2, 99], guests=("0", "99")) == [1, 2]


@pytest.mark.parametrize(
    "word", ["Grand Total", "TOTAL", "Sum:", "Subtotal", "Gesamtergebnis", "合计", "总计", " total. "]
)
@pytest.mark.slow
def test_a_line_of_totals_is_no_customer(read_lines: Reader, word: str) -> None:
    log = read_lines(f"a,2020-01-01,10\nb,2020-01-02,20\n{word},2020-01-02,30\n")
    assert log.rejected_by_rule == {"total_line": 1}
    assert log.value == 30.0
    assert "and 50.0% of the value" in log.findings[0].text


def test_totals_can_be_customers(read_lines: Reader) -> None:
    assert read_lines("a,2020-01-01,1\nTotal,2020-01-01,2\n", totals=()).customers == 2


@pytest.mark.parametrize(
    ("in_log", "in_table"),
    [
        (["C1 ", "C2"], ["C1", "C2\u00a0"]),
        (["1.0", "2.0"], [1, 2]),
        ([1.0, 2.0], ["1", "2.0"]),
        ([1, 2], [1.0, 2.0]),
        ([b"a", b"\xff"], ["a", "ff"]),
        (["1.0", "1.1"], ["1.0", "1.1"]),
        (["1.0", "1.1"], ["1.0 ", " 1.1"]),
    ],
    ids=[
        "blanks",
        "text to integers",
        "floats to text",
        "integers to floats",
        "bytes",
        "codes",
        "blank codes",
    ],
)
@pytest.mark.slow
def test_relation_tables_write_identifiers_the_same_way(in_log: Any, in_table: Any) -> None:
    table = pd.DataFrame(
        {"customer_id": in_log, "timestamp": [dt.date(2020, 1, 1)] * 2, "amount": [1.0, 2.0]}
    )
    log = read_transactions(table)
    costs = pd.DataFrame({"customer_id": in_table, "timestamp": "2020-01-01", "kind": "serve", "amount": 1.0})
    lines = read_relations(Params(), log, tables={"costs": costs}).lines["costs"]
    assert (lines.customers, lines.customers_known) == (2, 2)
    log.close()


def test_codes_of_which_a_table_has_only_those_with_a_0_are_still_codes() -> None:
    log = read_transactions(
        pd.DataFrame({"customer_id": ["1.0", "1.1", "1"], "timestamp": ["2020-01-01"] * 3, "amount": 1.0})
    )
    costs = pd.DataFrame({"customer_id": ["1.0"], "timestamp": "2020-01-01", "kind": "serve", "amount": 1.0})
    lines = read_relations(Params(), log, tables={"costs": costs}).lines["costs"]
    assert lines.table.execute()["customer_id"].tolist() == ["1.0"]
    log.close()


def test_a_fraction_is_no_customer_of_a_log_with_whole_numbers() -> None:
    log = read_transactions(
        pd.DataFrame({"customer_id": [12, 13], "timestamp": ["2020-01-01"] * 2, "amount": [1.0, 2.0]})
    )
    costs = pd.DataFrame(
        {"customer_id": [12.5, 13.0], "timestamp": "2020-01-01", "kind": "serve", "amount": 1.0}
    )
    lines = read_relations(Params(), log, tables={"costs": costs}).lines["costs"]
    assert lines.rejected_by_rule == {"unparsable_customer": 1}
    log.close()


@pytest.mark.parametrize(
    ("ids", "asked"),
    [
        (["C1 ", "C2"], "C1 "),
        (["1.0", "2.0"], "1.0"),
        ([1.0, 2.0], "1.0"),
        ([1, 2], " 1"),
        (["1.0", "1.1"], "1.0"),
    ],
)
@pytest.mark.slow
def test_a_customer_is_found_as_written_in_the_source(ids: Any, asked: str) -> None:
    log = read_transactions(
        pd.DataFrame({"customer_id": ids, "timestamp": ["2020-01-01"] * 2, "amount": [1.0, 2.0]})
    )
    assert only_customer(log, asked).events.execute()["amount"].tolist() == [1.0]
    log.close()
