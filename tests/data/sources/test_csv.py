"""Every line of a CSV file is read or stands among the rejected, whatever is wrong with the file."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.data.usability import check_readable
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

HEADER = "customer_id,timestamp,amount\n"
GOOD = "1,2020-01-01,5\n2,2020-01-02,6\n"
Reader = Callable[..., Any]


def rejected(log: Any) -> list[tuple[int, str, str]]:
    table = log.rejected.execute()
    return list(table[["line_number", "rule", "line_text"]].itertuples(index=False, name=None))


def test_ragged_lines_are_rejected_with_their_number_in_the_file_and_their_text(read_lines: Reader) -> None:
    log = read_lines(GOOD + "3,2020-01-03\n4,2020-01-03,5,6\n5,2020-01-01,7\n")
    assert (log.lines_read, log.lines_accepted) == (5, 3)
    assert rejected(log) == [(4, "ragged_line", "3,2020-01-03"), (5, "ragged_line", "4,2020-01-03,5,6")]


@pytest.mark.parametrize(
    "after",
    ["", '7,"2020-01-05",5\n', '7,"2020-01-05,5\n8,2020-01-05,5\n'],
    ids=["never closed", "closed by a later quote", "two open quotes"],
)
@pytest.mark.slow
def test_an_open_quotation_mark_costs_its_own_line_only(read_lines: Reader, after: str) -> None:
    following = "".join(f"{i},2020-01-03,5\n" for i in range(10, 15))
    log = read_lines(GOOD + '3,"2020-01-03,5\n' + following + after)
    bad = 1 + after.startswith('7,"2020-01-05,5')
    assert log.rejected_by_rule == {"unbalanced_quote": bad}
    assert log.lines_accepted == 7 + after.count("\n") - (bad - 1)
    assert rejected(log)[0] == (4, "unbalanced_quote", '3,"2020-01-03,5')


@pytest.mark.slow
def test_an_open_quotation_mark_in_a_large_file_loses_no_line(read_lines: Reader) -> None:
    lines = [f"{i},2020-01-01 10:00:00,{i % 97}.5\n" for i in range(60_000)]
    lines[100], lines[50_000] = '100,"2020-01-01,5\n', '50000,"2020-01-01,5\n'
    log = read_lines("".join(lines))
    assert log.rejected_by_rule == {"unbalanced_quote": 2}
    assert log.lines_accepted == 59_998
    assert [number for number, *_ in rejected(log)] == [102, 50_002]


def test_quoted_delimiters_quotes_and_line_ends_are_text(read_lines: Reader) -> None:
    log = read_lines('"x,""y""",2020-01-01,"5"\n"two\nlines",2020-01-01,6\n')
    assert log.rejected_by_rule == {}
    assert set(log.lines.execute()["customer_id"]) == {'x,"y"', "two\nlines"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.slow
def test_delimiters(read_lines: Reader, delimiter: str) -> None:
    log = read_lines(GOOD.replace(",", delimiter), header=HEADER.replace(",", delimiter))
    assert log.lines_accepted == 2


def test_a_delimiter_inside_a_quoted_column_name_misleads_nobody(read_lines: Reader) -> None:
    log = read_lines("1;2020-01-01;5;x\n", header='customer_id;timestamp;amount;"a,b,c,d,e"\n')
    assert log.lines_accepted == 1


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.slow
def test_line_ends(read_lines: Reader, line_end: str) -> None:
    log = read_lines((HEADER + GOOD).replace("\n", line_end).encode())
    assert log.lines_accepted == 2


def test_mixed_line_ends(read_lines: Reader) -> None:
    log = read_lines("1,2020-01-01,5\r\n2,2020-01-02,6\n3,2020-01-02,6\r\n")
    assert log.lines_accepted == 3
    assert log.rejected_by_rule == {}


def test_blank_lines_are_no_lines_and_the_last_needs_no_end(read_lines: Reader) -> None:
    assert read_lines("1,2020-01-01,5\n\n\n2,2020-01-02,6").lines_read == 2


def test_byte_order_mark(read_lines: Reader) -> None:
    assert read_lines(b"\xef\xbb\xbf" + (HEADER + GOOD).encode()).lines_accepted == 2


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "gb18030"])
@pytest.mark.parametrize("packed", [False, True])
def test_encodings(read_lines: Reader, encoding: str, packed: bool) -> None:
    name = "张三" if encoding == "gb18030" else "Jürg"
    content = (HEADER + f"{name},2020-01-01,5\n").encode(encoding)
    content = gzip.compress(content) if packed else content
    log = read_lines(content, name="log.csv.gz" if packed else "log.csv", encoding=encoding)
    assert log.lines.execute()["customer_id"].tolist() == [name]


def test_without_its_encoding_a_line_is_rejected_alone(read_lines: Reader) -> None:
    log = read_lines((HEADER + "Jürg,2020-01-01,5\nb,2020-01-01,5\n").encode("latin-1"))
    assert log.rejected_by_rule == {"invalid_encoding": 1}
    assert log.lines_accepted == 1


def test_all_lines_in_another_encoding_name_the_way_out(read_lines: Reader) -> None:
    with pytest.raises(
        DataError, match=r"invalid_encoding 1\).*--set data.encoding=cp1252 \(which reads 'Jürg'\)"
    ):
        read_lines((HEADER + "Jürg,2020-01-01,5\n").encode("latin-1"))


@pytest.mark.parametrize(
    "content",
    [
        "customer_id,timestamp,montänt\n1,2020-01-01,5\n".encode("latin-1"),
        (HEADER + GOOD).encode("utf-16-le"),
    ],
    ids=["latin-1", "utf-16"],
)
def test_a_header_in_another_encoding(read_lines: Reader, content: bytes) -> None:
    with pytest.raises(
        SourceError, match=r"first line is not text in encoding utf-8: use --set data\.encoding="
    ):
        read_lines(content)


def test_unknown_encoding(read_lines: Reader) -> None:
    with pytest.raises(SourceError, match=r"data.encoding 'klingon' is unknown: .* utf-8, latin-1"):
        read_lines(GOOD, encoding="klingon")


@pytest.mark.parametrize("name", ["log.csv.gz", "LOG.CSV.GZ", "log.csv"])
@pytest.mark.slow
def test_gzip_is_known_by_its_content(read_lines: Reader, name: str) -> None:
    assert read_lines(gzip.compress((HEADER + GOOD).encode()), name=name).lines_accepted == 2


def test_a_gzip_file_cut_short_is_refused_whole(read_lines: Reader) -> None:
    content = gzip.compress((HEADER + GOOD * 5000).encode())[:-20]
    with pytest.raises(SourceError, match=r"compressed file is damaged .*: copy it again"):
        read_lines(content, name="log.csv.gz")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line is empty: it must name the columns"),
        (b"\n\n", "the first line is empty: it must name the columns"),
        (b"amount,b,amount\nx,2,3\n", "it has amount_column_1, b, amount_column_3: map it"),
        (b"amount,Amount\nx,2\n", "it has amount_column_1, Amount_column_2: map it"),
        (b"a,b,\nx,2,3\n", "it has a, b, column_3: map it"),
        (b"customer_id\n1\n2\n", "no column 'timestamp' for timestamp; it has customer_id: map it with"),
    ],
    ids=["empty", "blank", "twice", "twice but for capitals", "no name", "single column"],
)
def test_headers_that_cannot_be_used(read_lines: Reader, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_lines(content)


@pytest.mark.parametrize("end", ["\n", ""])
def test_header_only(read_lines: Reader, end: str) -> None:
    with pytest.raises(DataError, match="has columns but no lines: nothing to learn from"):
        read_lines((HEADER.strip() + end).encode())


def test_noise_is_no_csv(read_lines: Reader) -> None:
    with pytest.raises(SourceError, match="first line is not text"):
        read_lines(bytes(range(256)) * 40)


def test_a_line_beyond_the_reader_is_rejected(read_lines: Reader) -> None:
    log = read_lines("x" * 3_000_000 + ",2020-01-01,1\n2,2020-01-01,1\n")
    assert log.rejected_by_rule == {"line_too_long": 1}
    assert log.lines_accepted == 1


def test_globs_read_files_of_one_header(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(HEADER + GOOD + "3,2020-01-03\n")
    log = read_transactions(str(tmp_path / "?.csv"))
    assert (log.lines_accepted, log.rejected_by_rule) == (4, {"ragged_line": 2})
    (tmp_path / "c.csv").write_text("customer,timestamp,amount\n")
    with pytest.raises(
        SourceError, match=r"c.csv: its header differs from that of .*a.csv: read them one by one"
    ):
        read_transactions(str(tmp_path / "?.csv"))


@pytest.mark.parametrize("name", ["a*.csv", "a[1].csv", "a?.csv", "it's.csv", "a b é.csv"])
@pytest.mark.slow
def test_names_of_files_are_no_patterns(tmp_path: Path, name: str) -> None:
    (tmp_path / "a1.csv").write_text(HEADER + GOOD + GOOD)
    (tmp_path / name).write_text(HEADER + GOOD)
    assert read_transactions(str(tmp_path / name)).lines_read == 2


def test_a_file_gone_between_finding_and_reading(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(SourceError, match=r"a.csv: (cannot be read: No such file|no such file)"):
        read_transactions(str(tmp_path / "*.csv"))


def test_odd_column_names(read_lines: Reader) -> None:
    names = ['cu"st', "my, time", "am't; DROP TABLE source;--", "顧客 \\ %s {x}"]
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(names)
    columns = dict(zip(("customer_id", "timestamp", "amount", "order_id"), names, strict=True))
    log = read_lines("1,2020-01-01,5,a\n,2020-01-02,4,b\n", header=buffer.getvalue(), columns=columns)
    assert log.lines_accepted == 1
    assert log.rejected.execute()[names[1:]].iloc[0].tolist() == ["2020-01-02", "4", "b"]


@pytest.mark.parametrize(
    "ours", ["rule", "line_number", "LINE_TEXT", "repeated", "date", "given_amount", "source"]
)
@pytest.mark.slow
def test_columns_named_like_ours(read_lines: Reader, ours: str) -> None:
    header = f"customer_id,timestamp,amount,{ours}\n"
    log = read_lines("1,2020-01-01,5,kept\n,2020-01-02,4,mine\n3,2020\n", header=header)
    table = log.rejected.execute()
    shown = ours + "_" if ours.lower() in ("rule", "line_number", "line_text") else ours
    assert table["rule"].tolist() == ["missing_customer", "ragged_line"]
    assert table[shown].iloc[0] == "mine"
    log = read_lines("1,2020-01-01,5,kept\n", header=header, columns={"order_id": ours})
    assert log.lines.execute()["order_id"].tolist() == ["kept"]


def test_a_name_kept_for_line_numbers(read_lines: Reader) -> None:
    with pytest.raises(SourceError, match="guanxi_row"):
        read_lines("1,2020-01-01,5,6\n", header=HEADER.strip() + ",guanxi_row\n")


field = st.sampled_from(["a", "", '"', 'b"c', "d,e", " ", "é", "1", '""', "\n", "x\r\ny"])
line = st.one_of(
    st.lists(field, min_size=3, max_size=3).map(lambda fields: ("sound", fields)),
    st.sampled_from(["a,b", "a,b,c,d", "only"]).map(lambda text: ("ragged", text)),
    st.sampled_from(['a,"b,c', '"a"b",c,d']).map(lambda text: ("open", text)),
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(line, max_size=12))
def test_every_record_is_accounted_for(tmp_path: Path, lines: list[tuple[str, Any]]) -> None:
    """Sound records are read as the standard library reads them; each bad line is one rejected line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    buffer.write("x,y,z,customer_id,timestamp,amount\n")
    for kind, content in lines:
        if kind == "sound":
            writer.writerow([*content, "7", "2020-01-01", "1"])
        else:
            buffer.write(content + "\n")
    writer.writerow(["last", "", "", "7", "2020-01-01", "1"])
    path = tmp_path / "log.csv"
    path.write_text(buffer.getvalue(), encoding="utf-8", newline="")
    columns = {"order_id": "x", "category": "y", "channel": "z"}
    log = read_transactions(str(path), DataParams(columns=columns))
    sound = [content for kind, content in lines if kind == "sound"]
    assert log.lines_accepted == len(sound) + 1
    assert sum(log.rejected_by_rule.values()) == len(lines) - len(sound)
    assert set(log.rejected_by_rule) <= {"ragged_line", "unbalanced_quote"}
    given_texts = log.lines.order_by("line_number").execute()["category"].tolist()
    expected = [None if not y.strip() else y.replace("\r\n", "\n") for _, y, _ in sound] + [None]
    assert [None if pd.isna(text) else text.replace("\r\n", "\n") for text in given_texts] == expected


def test_repeated_headers_are_named_and_cost_nothing(read_lines: Reader) -> None:
    log = read_lines(GOOD + HEADER + GOOD + HEADER + GOOD)
    assert (log.lines_accepted, log.rejected_by_rule) == (6, {"repeated_header": 2})
    assert rejected(log) == [(n, "repeated_header", HEADER.strip()) for n in (4, 7)]
    (found,) = (each for each in log.findings if each.name == "repeated_header")
    assert "the line repeats the names of the columns: files were joined" in found.text
    check_readable(log)


def test_a_line_with_one_name_of_a_column_is_no_header(read_lines: Reader) -> None:
    log = read_lines(GOOD + "customer_id,2020-01-01,5\n")
    assert (log.lines_accepted, log.rejected_by_rule) == (3, {})
