"""Numbers in any writing are read as they were meant, or refused with the setting for each reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data._number_formats import resolve_numbers
from guanxi.data._numbers import read_number
from guanxi.data.engine import _connect
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError, ParamsError
from guanxi.params import DataParams, load_params


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    connection = _connect()
    yield connection
    connection.disconnect()


def read(amounts: list[Any], others: dict[str, list[Any]] | None = None, **params: Any) -> TransactionLog:
    days = [f"2020-01-{i + 1:02}" for i in range(len(amounts))]
    frame = pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": amounts} | (others or {}))
    return read_transactions(frame, DataParams(refunds="net", **params))


def amounts_of(log: TransactionLog) -> list[float]:
    """The amounts of all lines that could be read; a negative day is rejected after it was read."""
    return list(log.lines.order_by("line_number").execute()["amount"])


def settings_in(error: DataError) -> list[str]:
    return re.findall(r"--set data.decimal=(\S)", str(error))


@pytest.mark.parametrize(
    ("amounts", "values"),
    [
        (["1", "2.5", " 3e2 ", "+4", "5."], [1, 2.5, 300, 4, 5]),
        (["0.500", "1.250"], [0.5, 1.25]),
        (["1.2345", "1.250"], [1.2345, 1.25]),
        ([1.5, "2"], [1.5, 2]),
        ([Decimal("1.250"), Decimal(950)], [1.25, 950]),
    ],
)
@pytest.mark.slow
def test_plain_numbers_need_no_setting(amounts: list[Any], values: list[float]) -> None:
    log = read(amounts)
    assert amounts_of(log) == values
    assert log.findings == ()


@pytest.mark.parametrize(
    ("amounts", "values", "decimal"),
    [
        (["1,234.50", "99.00"], [1234.5, 99], "."),
        (["12,50", "3"], [12.5, 3], ","),
        (["1.234,56 €", "950 €"], [1234.56, 950], ","),
        (["1.234.567"], [1234567], ","),
        (["0,500", "1,250"], [0.5, 1.25], ","),
        (["$12.50", "$ 3", "USD 4"], [12.5, 3, 4], "."),
        (["R$ 1.234,56", "R$ 12,00"], [1234.56, 12], ","),
        (["12,50 kr", "7 kr."], [12.5, 7], ","),
        (["CHF 1'234.50", "CHF 1’000.00"], [1234.5, 1000], "."),
        (["1 234,50", "1\u202f000", "2\u00a0000,1 zł"], [1234.5, 1000, 2000.1], ","),
        (["1,23,456.50", "12,34,567"], [123456.5, 1234567], "."),
        (["￥1,234", "￥５．２５"], [1234, 5.25], "."),
        (["12.50 €", "(0.00)"], [12.5, 0], "."),
        (["CHF 12.-", "1'250.--", "7.50"], [12, 1250, 7.5], "."),
        (["12,-", "7,50"], [12, 7.5], ","),
    ],
)
def test_one_reading_is_taken_and_told(amounts: list[str], values: list[float], decimal: str) -> None:
    log = read(amounts)
    assert amounts_of(log) == values
    (finding,) = log.findings
    assert (finding.name, finding.setting) == ("number_format", f"data.decimal={decimal}")
    assert amounts_of(read(amounts, decimal=decimal)) == values


@pytest.mark.parametrize(
    "text", ["(12.00)", "12.00-", "-12.00", "−12.00", "-$12", "($12.00)", "$(12)", "12 € -", "12 €-"]
)
@pytest.mark.slow
def test_a_refund_in_any_writing_is_negative(text: str) -> None:
    lines = pd.DataFrame({"customer_id": "a", "timestamp": "2020-01-01", "amount": ["20.50", text]})
    log = read_transactions(lines)
    assert amounts_of(log) == [20.5, -12.0]


@pytest.mark.parametrize(
    ("amounts", "as_point", "as_comma"),
    [
        (["12.500", "950"], [12.5, 950], [12500, 950]),
        (["1,234"], [1234], [1.234]),
        (["$1,234"], [1234], [1.234]),
        (["1.000 €", "2.000 €"], [1, 2], [1000, 2000]),
    ],
)
@pytest.mark.slow
def test_two_readings_are_refused_with_the_setting_of_each(
    amounts: list[str], as_point: list[float], as_comma: list[float]
) -> None:
    with pytest.raises(DataError, match=re.escape(f"amount: {amounts[0]!r} is ")) as caught:
        read(amounts)
    assert settings_in(caught.value) == [".", ","]
    assert amounts_of(read(amounts, decimal=".")) == as_point
    assert amounts_of(read(amounts, decimal=",")) == as_comma


@pytest.mark.slow
def test_one_column_decides_for_the_others() -> None:
    log = read(["12.500", "950"], {"unit_price": ["1,5", "2"]})
    assert amounts_of(log) == [12500, 950]
    log = read(["12.500", "950"], {"unit_price": ["1.5", "2"]})
    assert amounts_of(log) == [12.5, 950]


def test_factors_are_read_in_the_same_way() -> None:
    log = read(["1", "1"], {"q": ["2", "1.000"], "p": ["1,50 €", "0,5 €"]}, columns={"amount": "q*p"})
    assert amounts_of(log) == [3, 500]


def test_numbers_written_in_two_ways_are_refused() -> None:
    amounts = ["1.234,50", "12.5", "13.5"]
    with pytest.raises(DataError, match=r"in two ways, '12.5' in amount and '1.234,50' in amount") as caught:
        read(amounts)
    assert settings_in(caught.value) == [".", ","]
    log = read(amounts, decimal=".")
    assert amounts_of(log) == [12.5, 13.5]
    assert log.rejected_by_rule == {"unparsable_amount": 1}


@pytest.mark.parametrize(
    ("amounts", "given", "fix"),
    [
        (["12.500", "950", "12,50"], {"decimal": "."}, "data.decimal=,"),
        (["1,234.56"] * 3, {"decimal": ","}, "data.decimal=."),
        (["1.234,56"] * 3, {"thousands": ","}, "data.decimal=, --set data.thousands=null"),
    ],
)
def test_given_signs_that_do_not_fit(amounts: list[str], given: dict[str, str], fix: str) -> None:
    with pytest.raises(DataError, match=f"do not fit '.*' in amount: use --set {re.escape(fix)}$"):
        read(amounts, **given)


@pytest.mark.parametrize("sign", [" ", "\u00a0", "\u202f", "’", "'"])
def test_a_blank_and_any_apostrophe_can_separate_thousands(sign: str) -> None:
    expected = "'" if sign.strip() else " "
    assert load_params(overrides=[f"data.thousands={sign}"]).data.thousands == expected
    assert load_params(overrides=["data.thousands="]).data.thousands == ""


def test_the_decimal_sign_cannot_separate_thousands() -> None:
    with pytest.raises(ParamsError, match=r"data.thousands = ',' is not valid: it is also data.decimal"):
        load_params(overrides=["data.decimal=,", "data.thousands=,"])


@pytest.mark.slow
def test_several_currencies_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"several currencies, as in '\$5.00' and '5.00 €': convert them to one$"
    ):
        read(["$5.00", "$6.00", "5.00 €"])
    assert amounts_of(read(["$5.00", "US$ 6.00", "7.00 USD", "8"])) == [5, 6, 7, 8]


@pytest.mark.parametrize(
    "text", ["5%", "1_000", "5k", "5M", "--5", "(5", "-5-", "1$2", "12.-5", "1.2.3", "1,2,3", "5 kg", "12:30"]
)
@pytest.mark.slow
def test_what_is_no_number_is_rejected_by_name(text: str) -> None:
    log = read(["$2.50", text])
    assert amounts_of(log) == [2.5]
    assert log.rejected_by_rule == {"unparsable_amount": 1}


def test_a_plain_number_has_no_underscore() -> None:
    assert read(["2.50", "1_000"]).rejected_by_rule == {"unparsable_amount": 1}


def test_numbers_beyond_floats_are_not_finite() -> None:
    log = read(["$2.50", "$1e400", "inf"])
    assert log.rejected_by_rule == {"non_finite_amount": 2}


def test_all_numbers_rejected_names_what_they_look_like() -> None:
    with pytest.raises(DataError, match="amount has numbers like '5%': map it to a column of plain numbers"):
        read(["5%", "6%"])


numbers = st.decimals(-(10**7), 10**7, allow_nan=False, allow_infinity=False, places=2)


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(numbers, min_size=1, max_size=10),
    places=st.sampled_from([0, 1, 2, 3]),
    signs=st.sampled_from(
        [(".", ""), (".", ","), (".", "'"), (",", ""), (",", "."), (",", " "), (",", "\u00a0")]
    ),
    around=st.sampled_from(["{}", "${}", "{} €", "CHF {}", "R$ {}"]),
    negative=st.sampled_from(["-{}", "({})", "{}-"]),
)
@pytest.mark.slow
def test_a_number_is_never_read_as_another(
    engine: Any, values: list[Decimal], places: int, signs: tuple[str, str], around: str, negative: str
) -> None:
    values = [round(value, places) + Decimal(0) for value in values]

    def write(value: Decimal) -> str:
        text = f"{abs(value):,.{places}f}".translate({ord("."): signs[0], ord(","): signs[1]})
        return (negative if value < 0 else "{}").format(around.format(text))

    frame = pd.DataFrame(
        {"value": [float(value) for value in values], "text": [write(value) for value in values]}
    )
    table = engine.create_table("written", frame, overwrite=True)
    try:
        params, _ = resolve_numbers("a", {"text": table.text}, DataParams())
    except DataError as error:
        if settings_in(error) != [".", ","]:
            raise
        params, _ = resolve_numbers("a", {"text": table.text}, DataParams(decimal=signs[0]))  # type: ignore[arg-type]
    read_back = table.select("value", number=read_number(table.text, params)).execute()
    assert read_back["number"].tolist() == read_back["value"].tolist()
