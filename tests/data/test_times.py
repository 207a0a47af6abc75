"""Times in any writing are read as they were meant, or refused with the setting for each reading."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guanxi.data._time_formats import resolve_times
from guanxi.data._times import read_time
from guanxi.data.engine import _connect
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError
from guanxi.params import DataParams

TIMES = pd.date_range("2019-11-28 22:26:05", periods=40, freq="37h")
SECONDS = (TIMES - pd.Timestamp(0)) // pd.Timedelta("1s")


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    connection = _connect()
    yield connection
    connection.disconnect()


def read(times: Any, **params: Any) -> TransactionLog:
    frame = pd.DataFrame({"customer_id": "a", "timestamp": times, "amount": 1.0})
    return read_transactions(frame, DataParams(**params))


def times_of(log: TransactionLog) -> list[pd.Timestamp]:
    return list(log.lines.order_by("line_number").execute()["timestamp"])


def settings_in(error: DataError) -> list[str]:
    return re.findall(r"--set '?data.timestamp_format=(.*?)'?(?: or|$)", str(error))


@pytest.mark.parametrize(
    ("written", "resolution"),
    [
        ("%Y-%m-%d %H:%M:%S", "s"),
        ("%Y-%m-%dT%H:%M:%SZ", "s"),
        ("%Y-%m-%dT%H:%M:%S+00:00", "s"),
        ("%Y-%m-%d %H:%M:%S +0000", "s"),
        ("%Y-%m-%d %H:%M:%S UTC", "s"),
        ("%Y-%m-%d %H:%M:%S.000000000", "s"),
        ("%Y-%m-%d %H:%M:%S,000", "s"),
        ("%Y-%m-%d %I:%M:%S %p", "s"),
        ("%Y/%m/%d", "D"),
        (" %Y-%m-%d ", "D"),
    ],
)
def test_iso_8601_needs_no_format(written: str, resolution: str) -> None:
    log = read(TIMES.strftime(written))
    assert times_of(log) == list(TIMES.floor(resolution))
    assert log.findings == ()


@pytest.mark.parametrize(
    ("written", "found", "resolution"),
    [
        ("%d.%m.%Y", "%d.%m.%Y", "D"),
        ("%d.%m.%Y %H:%M", "%d.%m.%Y", "min"),
        ("%d.%m.%Y, %H:%M:%S", "%d.%m.%Y", "s"),
        ("%d/%m/%Y", "%d/%m/%Y", "D"),
        ("%d/%m/%Y %H:%M +0000", "%d/%m/%Y", "min"),
        ("%m/%d/%Y %I:%M %p", "%m/%d/%Y", "min"),
        ("%m/%d/%Y %I:%M:%S\u202f%p", "%m/%d/%Y", "s"),
        ("%m-%d-%Y", "%m-%d-%Y", "D"),
        ("%Y.%m.%d", "%Y.%m.%d", "D"),
        ("%Y-%d-%m", "%Y-%d-%m", "D"),
        ("%Y年%m月%d日", "%Y年%m月%d日", "D"),
        ("%d %b %Y", "%d %b %Y", "D"),
        ("%d-%b-%Y %H:%M", "%d-%b-%Y", "min"),
        ("%b %d, %Y", "%b %d, %Y", "D"),
        ("%B %d, %Y", "%B %d, %Y", "D"),
        ("%d. %B %Y", "%d. %B %Y", "D"),
        ("%a, %d %b %Y %H:%M:%S +0000", "%a, %d %b %Y", "s"),
        ("%a %b %d %Y %H:%M:%S GMT+0000 (UTC)", "%a %b %d %Y", "s"),
        ("%Y%m%d", "%Y%m%d", "D"),
        ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S", "s"),
    ],
)
def test_one_reading_is_taken_and_told(written: str, found: str, resolution: str) -> None:
    log = read(TIMES.strftime(written))
    assert times_of(log) == list(TIMES.floor(resolution))
    (finding,) = log.findings
    assert (finding.name, finding.lines) == ("timestamp_format", len(TIMES))
    assert finding.setting == f"data.timestamp_format={found}"
    assert times_of(read(TIMES.strftime(written), timestamp_format=found)) == times_of(log)


@pytest.mark.parametrize("written", ["%Y-%m", "%m/%Y", "%b %Y", "%Y%m", "%Y年%m月"])
def test_months_are_their_first_day(written: str) -> None:
    log = read(TIMES.strftime(written))
    assert times_of(log) == list(TIMES.to_period("M").to_timestamp())
    assert "the first day of its period" in log.findings[0].text


@pytest.mark.parametrize(
    ("times", "found"),
    [
        (SECONDS, "seconds"),
        (SECONDS * 1000, "milliseconds"),
        (SECONDS * 10**6, "microseconds"),
        (SECONDS * 10**9, "nanoseconds"),
        (SECONDS.astype(str), "seconds"),
        (SECONDS.astype(float), "seconds"),
        (SECONDS / 86400 + 25569, "excel"),
        ((SECONDS / 86400 + 25569).astype(str), "excel"),
    ],
    ids=["s", "ms", "us", "ns", "text", "float", "excel", "excel as text"],
)
def test_numbers_that_count_from_a_day(times: Any, found: str) -> None:
    log = read(times)
    assert times_of(log) == list(TIMES)
    assert log.findings[0].setting == f"data.timestamp_format={found}"


def test_seconds_since_1970_are_in_utc_and_the_days_of_a_spreadsheet_are_local() -> None:
    instant = pd.Timestamp("2020-01-01 23:30")
    seconds = (instant - pd.Timestamp(0)) // pd.Timedelta("1s")
    assert times_of(read([seconds], timezone="Asia/Shanghai")) == [pd.Timestamp("2020-01-02 07:30")]
    assert times_of(read([seconds / 86400 + 25569], timezone="Asia/Shanghai")) == [instant]


@pytest.mark.parametrize(
    ("times", "formats"),
    [
        (["03/04/2021", "05/06/2021 10:00"], ["%d/%m/%Y", "%m/%d/%Y"]),
        (["3.4.2021"], ["%d.%m.%Y", "%m.%d.%Y"]),
        (["07-03-21"], ["%d-%m-%y", "%m-%d-%y", "%y-%m-%d"]),
        (["12.12.21", "31.12.21"], ["%d.%m.%y", "%y.%m.%d"]),
        (["9/7/11"], ["%d/%m/%y", "%m/%d/%y", "%y/%m/%d"]),
        (["9/7/99"], ["%d/%m/%y", "%m/%d/%y"]),
        (["14-Jan-15"], ["%d-%b-%y", "%y-%b-%d"]),
        (["31/12/95"], ["%d/%m/%y"]),
        (["201112", "201101"], ["%Y%m", "%y%m%d", "%d%m%y"]),
    ],
)
def test_several_readings_are_refused_with_the_setting_of_each(times: list[str], formats: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read(times)
    assert sorted(settings_in(caught.value)) == sorted(formats)
    for form in formats:
        shown = re.search(rf"(\S+) with --set 'data.timestamp_format={re.escape(form)}'", str(caught.value))
        assert shown is not None
        example = str(caught.value).rpartition(" is ")[0].rpartition("'")[0].rpartition("'")[2]
        read_back = times_of(read([example], timestamp_format=form))
        assert read_back == [pd.Timestamp(shown[1])]


def test_a_given_format_that_swaps_days_is_refused_for_the_one_that_reads_all() -> None:
    times = TIMES.strftime("%d/%m/%Y")
    with pytest.raises(DataError, match=r"=%m/%d/%Y does not read \d+ of 40 times, such as '") as caught:
        read(times, timestamp_format="%m/%d/%Y")
    assert settings_in(caught.value) == ["%d/%m/%Y"]
    with pytest.raises(DataError) as caught:
        read(TIMES.strftime("%Y-%m-%d"), timestamp_format="%d/%m/%Y")
    assert settings_in(caught.value) == ["null"]


@pytest.mark.slow
def test_a_given_format_stays_where_a_few_lines_are_written_otherwise() -> None:
    log = read([*TIMES.strftime("%d/%m/%Y"), "5.1.2020"], timestamp_format="%d/%m/%Y")
    assert log.rejected_by_rule == {"unparsable_timestamp": 1}


@pytest.mark.parametrize(("junk", "refused"), [(2, False), (5, True)])
@pytest.mark.slow
def test_a_format_is_chosen_beside_little_junk_only(junk: int, refused: bool) -> None:
    times = [*TIMES.strftime("%d.%m.%Y"), *["soon"] * junk]
    if refused:
        with pytest.raises(DataError, match="5 of 45 times cannot be read, such as 'soon'") as caught:
            read(times)
        assert settings_in(caught.value) == ["%d.%m.%Y"]
        log = read(times, timestamp_format="%d.%m.%Y")
    else:
        log = read(times)
    assert times_of(log) == list(TIMES.floor("D"))
    assert log.rejected_by_rule == {"unparsable_timestamp": junk}


def test_times_written_in_two_ways_leave_out_the_other_way() -> None:
    log = read([*TIMES.strftime("%Y-%m-%d"), *TIMES.strftime("%d.%m.%Y")])
    assert times_of(log) == list(TIMES.floor("D"))
    assert log.rejected_by_rule == {"unparsable_timestamp": len(TIMES)}


@pytest.mark.parametrize(
    "time",
    [
        "2020-01-01 10:00 EST",
        "2020-01-01 10:00+99:00",
        "2020-01-01 10:00+15:00",
        "2020-01-01 13:00 PM",
        "2020-01-01 10:61",
        "0007-03-21",
        "1899-12-31",
        "2020-02-30",
        "2020-01/01",
        "12.12.21",
        "9/7/11",
        "epoch",
        "1e308",
    ],
)
@pytest.mark.slow
def test_what_is_no_time_is_rejected_by_name(time: str) -> None:
    log = read([*TIMES.strftime("%Y-%m-%d"), time])
    assert log.rejected_by_rule == {"unparsable_timestamp": 1}


def test_days_before_1900_are_unparsable_in_typed_columns_too() -> None:
    log = read([dt.datetime(1, 1, 1), dt.datetime(1899, 12, 31), dt.datetime(1900, 1, 2)])
    assert log.rejected_by_rule == {"unparsable_timestamp": 2}


@pytest.mark.slow
def test_all_times_rejected_names_what_they_look_like() -> None:
    mixed = [*TIMES.strftime("%d/%m/%Y"), *TIMES.strftime("%m/%d/%Y")]
    with pytest.raises(DataError, match="the times are written in two ways") as caught:
        read(mixed)
    assert all(f"({form})" in str(caught.value) for form in ("%d/%m/%Y", "%m/%d/%Y"))
    assert settings_in(caught.value) == []
    with pytest.raises(DataError, match=r"look like '0001-01-01' \(before 1900\)"):
        read(["0001-01-01"])
    for day, own in (
        ("2020-01-01", {}),
        ("31.12.2020", {}),
        ("31.12.2020", {"timestamp_format": "%d.%m.%Y"}),
    ):
        with pytest.raises(DataError, match=rf"look like '{day} 10:00 PST': write zones as offsets"):
            read([f"{day} 10:00 PST"], **own)


@settings(max_examples=40, deadline=None)
@given(
    days=st.lists(st.dates(dt.date(1995, 1, 1), dt.date(2026, 1, 1)), min_size=1, max_size=12),
    form=st.sampled_from(
        [
            *(
                "%d/%m/%Y",
                "%m/%d/%Y",
                "%d.%m.%Y",
                "%Y-%d-%m",
                "%Y%m%d",
                "%d%m%Y",
                "%d-%m-%y",
                "%y%m%d",
                "%m/%d/%y",
            ),
            *(
                "%d %b %Y",
                "%b %d, %Y",
                "%y-%b-%d",
                "%d/%m/%Y %H:%M",
                "%m-%d-%Y %I:%M %p",
                "%Y.%m.%d",
                "%Y-%m-%d",
            ),
        ]
    ),
)
@pytest.mark.slow
def test_a_day_is_never_read_as_another(engine: Any, days: list[dt.date], form: str) -> None:
    # Year first is ISO 8601, unless a value contradicts it.
    assume(form != "%Y-%d-%m" or any(day.day > 12 for day in days))
    table = engine.create_table(
        "written", pd.DataFrame({"day": days, "text": [day.strftime(form) for day in days]}), overwrite=True
    )
    params = DataParams()
    try:
        found, _ = resolve_times("a", {"text": table.text}, params, "data")
    except DataError as error:
        offered = settings_in(error)
        found = form.partition(" %H")[0].partition(" %I")[0]
        if found not in offered:
            raise
    resolved = params.model_copy(update={"timestamp_format": found})
    read_back = table.select("day", time=read_time(table.text, resolved)).execute()
    assert [time.date() for time in read_back["time"]] == [day.date() for day in read_back["day"]]


@pytest.mark.parametrize(
    ("one", "other"), [("%d/%m/%Y", "%m/%d/%Y"), ("%d.%m.%Y", "%m-%d-%Y"), ("%Y-%m-%d", "%d.%m.%Y")]
)
@pytest.mark.slow
def test_two_formats_in_one_column_are_named_together(one: str, other: str) -> None:
    days = pd.date_range("2021-01-01", periods=300, freq="2D")
    times = [*days[:200].strftime(one), *days[200:].strftime(other)]
    said = []
    for form in (None, one):
        try:
            said.append(" ".join(map(str, read(times, timestamp_format=form).findings)))
        except DataError as error:
            said.append(str(error))
    for text in said:
        assert "the times are written in two ways, such as '" in text
        assert f"({one})" in text or (one == "%Y-%m-%d" and "(ISO 8601)" in text)
        assert f"({other}): write all in one way in the source" in text


@pytest.mark.parametrize(
    ("times", "example"),
    [
        (
            ["25. Jan 2023", "1. Apr 2022", "3. Aug 2022", "1. Mär 2022", "1. Mär 2022", "4. Mai 2021"],
            "1. Mär 2022",
        ),
        (["Q3 2023", "Q4 2022"], "Q3 2023"),
        (["2023/8/11 下午 3:05:00", "2023/8/12 上午 3:05:00"], "2023/8/11 下午 3:05:00"),
    ],
)
def test_words_that_no_format_reads_are_named_without_a_setting(times: list[str], example: str) -> None:
    with pytest.raises(DataError) as caught:
        read(times)
    assert f"{example!r}: weeks, quarters and names of months or half-days" in str(caught.value)
    assert settings_in(caught.value) == []
