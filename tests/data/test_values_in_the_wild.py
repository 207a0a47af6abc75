"""Values that pass for something else: years, sentinels, outliers and buckets, in otherwise good files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from guanxi.errors import GuanxiError

pytestmark = pytest.mark.slow  # a hundred files of other programs take a minute

OPEN = Callable[..., Any]
AMOUNTS = [12.5, 950.0, 1234.5, 48.9, 7.25, 99.0]
GOOD = [
    (f"C{number % 20:03}", date(2020, 1, 5) + timedelta(days=3 * number), AMOUNTS[number % 6])
    for number in range(200)
]


def write(folder: Path, *more: str, lines: list[tuple[Any, ...]] = GOOD) -> Path:
    path = folder / "export.csv"
    text = [",".join(map(str, line)) for line in lines]
    path.write_text("\n".join(["customer_id,timestamp,amount", *text, *more, ""]), encoding="utf-8")
    return path


@pytest.mark.parametrize("style", ["%d-%m-%y", "%d.%m.%y", "%-m/%-d/%y", "%d-%b-%y", "%y-%m-%d", "%m-%d-%y"])
def test_two_digit_years_are_never_the_first_century(style: str, tmp_path: Path, open_file: OPEN) -> None:
    lines = [(customer, f"{day:{style}}", amount) for customer, day, amount in GOOD]
    path = write(tmp_path, lines=lines)
    with pytest.raises(GuanxiError, match=r"data\.timestamp_format") as refusal:
        open_file(path, "")
    assert style.replace("%-", "%") in str(refusal.value)
    found = open_file(path, "", f"data.timestamp_format={style.replace('%-', '%')}")
    assert {time[:10] for _, time, _ in found.table} == {str(day) for _, day, _ in GOOD}


@pytest.mark.parametrize("day", ["0001-01-01", "0021-03-07", "1753-01-01", "1899-12-30"])
def test_days_before_1900_cannot_be_read(day: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, *[f"C001,{day},5.0"] * 3), "")
    assert found.table.total() == len(GOOD)
    assert found.rejected == {"unparsable_timestamp": 3}
    assert found.advised


@pytest.mark.parametrize("day", ["1900-01-01", "1970-01-01", "1980-06-01"])
def test_days_decades_before_all_others_are_named(day: str, tmp_path: Path, open_file: OPEN) -> None:
    assert day in open_file(write(tmp_path, *[f"C001,{day},5.0"] * 3), "").said


@pytest.mark.parametrize("day", ["9999-12-31", "2999-12-31"])
def test_days_in_the_future_are_rejected_with_advice(day: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, *[f"C001,{day},5.0"] * 3), "")
    assert found.table.total() == len(GOOD)
    assert found.advised


@pytest.mark.parametrize("amount", ["9999999", "1e9"])
def test_an_amount_far_beyond_all_others_is_named(amount: str, tmp_path: Path, open_file: OPEN) -> None:
    ordinary = [(customer, day, 10 + number % 30 * 2.5) for number, (customer, day, _) in enumerate(GOOD)]
    path = write(tmp_path, f"C001,2020-06-07,{amount}", lines=ordinary)
    assert "data.max_amount" in open_file(path, "").said


@pytest.mark.parametrize("amount", ["1e308", "1e160", "1e400", "inf", "-1e308"])
def test_amounts_that_no_business_has_are_rejected(amount: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, *[f"C001,2020-06-07,{amount}"] * 3), "")
    assert found.table.total() == len(GOOD)
    assert sum(found.rejected.values()) == 3
    assert found.advised


@pytest.mark.parametrize("bucket", ["99999", "WALK-IN", "0"])
def test_a_customer_with_an_outlying_share_is_named(bucket: str, tmp_path: Path, open_file: OPEN) -> None:
    more = [f"{bucket},{date(2020, 1, 5) + timedelta(days=number)},50.0" for number in range(300)]
    assert bucket in open_file(write(tmp_path, *more), "").said


def test_a_customer_0_among_numbers_is_a_customer(tmp_path: Path, open_file: OPEN) -> None:
    lines = [(int(customer[1:]), day, amount) for customer, day, amount in GOOD]
    assert len({customer for customer, *_ in open_file(write(tmp_path, lines=lines), "").table}) == 20


@pytest.mark.parametrize("written", ["C001 ", " C001", "C001\u00a0", "\ufeffC001"])
def test_ids_are_trimmed(written: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, f"{written},2020-06-07,5.0"), "")
    assert len({customer for customer, *_ in found.table}) == 20


@pytest.mark.parametrize("written", ["007", "1.50", "1e5", "12345678901234567890123", "1.0a", "+1"])
def test_ids_that_look_like_numbers_stay_as_they_are(written: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, f"{written},2020-06-07,5.0"), "")
    assert (written, "2020-06-07 00:00:00", 5.0) in found.table


@pytest.mark.parametrize("missing", ["NULL", "N/A", "-", "nan", ""])
def test_missing_amounts_and_times_are_rejected_as_missing(
    missing: str, tmp_path: Path, open_file: OPEN
) -> None:
    found = open_file(write(tmp_path, f"C001,2020-06-07,{missing}", f"C001,{missing},5.0"), "")
    assert found.rejected == {"missing_amount": 1, "missing_timestamp": 1}
    assert found.advised


@pytest.mark.parametrize(
    "amount", ["12%", "1.2k", "3M", "0x1f", "1_000", "twelve", "--5", "1,2,3", "1.2.3", "12.50.", "$", "5 5"]
)
def test_what_is_no_number_is_rejected_with_advice(amount: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, f'C001,2020-06-07,"{amount}"'), "")
    assert found.table.total() == len(GOOD)
    assert found.rejected == {"unparsable_amount": 1}
    assert found.advised


@pytest.mark.parametrize(
    "time",
    ["2020-02-30", "2020-13-01", "2020-06-07T10:00+99:00", "2020-06-07 25:00", "soon", "2020", "06-07"],
)
def test_what_is_no_time_is_rejected_with_advice(time: str, tmp_path: Path, open_file: OPEN) -> None:
    found = open_file(write(tmp_path, f"C001,{time},5.0"), "")
    assert found.table.total() == len(GOOD)
    assert found.rejected == {"unparsable_timestamp": 1}
    assert found.advised


AMBIGUOUS = {
    "12.500 beside 950": (["12.500", "950"], {"data.decimal=,": 12500.0, "data.decimal=.": 12.5}),
    "1,234 beside 99": (["1,234", "99"], {"data.decimal=.": 1234.0, "data.decimal=,": 1.234}),
    "1,234 alone": (["1,234"], {"data.decimal=.": 1234.0, "data.decimal=,": 1.234}),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
def test_two_readings_of_a_number_are_shown_with_their_settings(
    kind: str, tmp_path: Path, open_file: OPEN
) -> None:
    texts, readings = AMBIGUOUS[kind]
    lines = [(c, d, f'"{text}"') for (c, d, _), text in zip(GOOD, itertools.cycle(texts), strict=False)]
    path = write(tmp_path, lines=lines)
    with pytest.raises(GuanxiError) as refusal:
        open_file(path, "")
    said = str(refusal.value).replace("'", "")
    assert [setting for setting in readings if f"--set {setting}" not in said] == []
    for setting, value in readings.items():
        assert value in {amount for *_, amount in open_file(path, "", setting).table}


UNAMBIGUOUS = {
    "1,234.50 beside 99.00": (["1,234.50", "99.00"], [1234.5, 99.0]),
    "12,50 beside 950": (["12,50", "950"], [12.5, 950.0]),
    "1.234,56 €": (["1.234,56 €", "7,00 €"], [1234.56, 7.0]),
    "accounting": (["(12.00)", "$12.50"], [-12.0, 12.5]),
    "minus behind": (["12.00-", "950.10"], [-12.0, 950.1]),
    "minus sign": (["−12.00", "950.10"], [-12.0, 950.1]),
    "yuan": (["￥1,234.50", "￥99.00"], [1234.5, 99.0]),
    "full width": (["１２.50", "99.00"], [12.5, 99.0]),
    "rupees": (["₹1,23,456.50", "99"], [123456.5, 99.0]),
    "millions": (["1.234.567", "950"], [1234567.0, 950.0]),
    "exponents": (["1.5e3", "99"], [1500.0, 99.0]),
    "plus": (["+12.5", "99"], [12.5, 99.0]),
    "no leading digit": ([".5", "99"], [0.5, 99.0]),
    "three decimals beside two": (["12.500", "99.25"], [12.5, 99.25]),
    "four decimals": (["12.5000", "99"], [12.5, 99.0]),
    "zero before three decimals": (["0.125", "99"], [0.125, 99.0]),
}


@pytest.mark.parametrize("kind", UNAMBIGUOUS)
def test_numbers_with_one_reading(kind: str, tmp_path: Path, open_file: OPEN) -> None:
    texts, values = UNAMBIGUOUS[kind]
    lines = [(c, d, f'"{text}"') for (c, d, _), text in zip(GOOD, itertools.cycle(texts), strict=False)]
    found = open_file(write(tmp_path, lines=lines), "", "data.refunds=drop")
    assert {amount for *_, amount in found.table} == {value for value in values if value >= 0}
    assert found.rejected.get("refund_dropped", 0) == 100 * sum(value < 0 for value in values)
