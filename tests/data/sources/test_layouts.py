"""The table in a text file is found whatever stands around it, and what was found is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from guanxi.data.engine import _connect
from guanxi.data.sources.source import read_source
from guanxi.data.transactions import read_transactions
from guanxi.errors import SourceError
from guanxi.params import DataParams, parse_columns

HEADER = "customer_id,timestamp,amount\n"
LINES = "1,2020-01-01,5\n2,2020-01-02,6\n"
ROWS = [("1", "2020-01-01", "5"), ("2", "2020-01-02", "6")]
Read = Callable[..., Any]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a text file: its columns, rows, refused lines and findings by name."""

    def read(content: str | bytes, **params: Any) -> Any:
        path = tmp_path / "log.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        connection = _connect()
        try:
            found = read_source(connection, str(path), DataParams(**params))
            table = found.table.order_by("guanxi_row").execute().drop(columns="guanxi_row")
            rows = [tuple(None if pd.isna(cell) else cell for cell in row) for row in table.to_numpy()]
            refused = found.unreadable.order_by("line_number").execute()
        finally:
            connection.disconnect()
        lines = list(refused.itertuples(index=False, name=None))
        return list(table.columns), rows, lines, {finding.name: finding for finding in found.findings}

    return read


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", "\x01"])
@pytest.mark.parametrize("above", ["", "sep={}\n", '"sep={}"\n'], ids=["", "sep", "quoted sep"])
def test_delimiters(read: Read, above: str, delimiter: str) -> None:
    columns, rows, refused, findings = read(
        above.format(delimiter) + (HEADER + LINES).replace(",", delimiter)
    )
    assert (columns, rows, refused, findings) == (["customer_id", "timestamp", "amount"], ROWS, [], {})


@pytest.mark.parametrize("line_end", ["\r", "\r\n"])
def test_decimal_commas_are_no_delimiter(read: Read, line_end: str) -> None:
    lines = [f"{i};0{1 + i % 9}.02.2020;{i},5{i % 10}" for i in range(300)]
    columns, rows, refused, _ = read(line_end.join(["customer_id;timestamp;amount", *lines]))
    assert (len(columns), len(rows), refused) == (3, 300, [])
    assert rows[7] == ("7", "08.02.2020", "7,57")


@pytest.mark.parametrize(
    ("above", "said"),
    [
        ("Sales report\nfrom 2020-01-01 to 2021-01-01\n\n", 2),
        ('The "sales report\n\n', 1),
        ("Sales report,,\nPeriod:,2020,\n", 2),
        ("Sales report, first half\n", 1),
        ("# a, b, c\n# from the shop\n", 2),
        ("\n\n", 0),
    ],
    ids=["title", "odd quote", "padded by Excel", "commas", "comments", "blank"],
)
def test_lines_above_the_header(read: Read, above: str, said: int) -> None:
    columns, rows, refused, findings = read(above + HEADER + LINES + "3,2020\n")
    number = above.count("\n")
    assert (columns, rows) == (["customer_id", "timestamp", "amount"], ROWS)
    assert refused == [(number + 4, "ragged_line", "3,2020")]
    assert ("lines_above_header" in findings) == bool(said)
    if said:
        finding = findings["lines_above_header"]
        assert (finding.lines, finding.setting) == (said, f"data.skip_lines={number}")
        assert finding.examples[0].split(" ")[0] == above.split(" ")[0].split(",")[0].strip()
        assert read(above + HEADER + LINES, skip_lines=number) == (columns, rows, [], {})


def test_the_header_is_the_line_that_names_the_mapped_columns(read: Read) -> None:
    above = "Report,second half,by shop\n"
    table = (HEADER + LINES).replace("customer_id", "Kunde")
    columns, rows, _, findings = read(above + table, columns={"customer_id": "Kunde"})
    assert (columns, rows) == (["Kunde", "timestamp", "amount"], ROWS)
    assert "lines_above_header" in findings


def test_a_header_of_which_most_lines_do_not_fit_stays_the_header(read: Read) -> None:
    columns, rows, refused, _ = read("id,city,plan\na,Paris,gold,x\nb,Rome,silver,y\nc,Oslo,gold\n")
    assert (columns, rows, len(refused)) == (["id", "city", "plan"], [("c", "Oslo", "gold")], 2)


def test_a_header_that_begins_with_a_hash(read: Read) -> None:
    assert read("#" + HEADER + LINES)[:2] == (["#customer_id", "timestamp", "amount"], ROWS)


def test_more_lines_skipped_than_there_are(read: Read) -> None:
    with pytest.raises(SourceError, match=r"data.skip_lines=9 leaves no line: the file has 3"):
        read(HEADER + LINES, skip_lines=9)


SSMS = """\
customer_id timestamp               amount
----------- ----------------------- ------
          1 2020-01-01 10:00:00.000   5.00
          2 2020-01-02 00:00:00.000

(2 rows affected)
"""
PSQL = """\
 customer_id | timestamp  | amount
-------------+------------+--------
           1 | 2020-01-01 |      5
           2 | 2020-01-02 |      6
(2 rows)
"""
MYSQL = """\
+-------------+------------+--------+
| customer_id | timestamp  | amount |
+-------------+------------+--------+
|           1 | 2020-01-01 |      5 |
|           2 | 2020-01-02 |      6 |
+-------------+------------+--------+
2 rows in set (0.00 sec)
"""
MARKDOWN = (
    "| customer_id | timestamp | amount |\n|---|:--:|--:|\n| 1 | 2020-01-01 | 5 |\n| 2 | 2020-01-02 | 6 |\n"
)
WORDS = "customer_id  timestamp   amount\n1            2020-01-01  5\n2            2020-01-02  6\n"
R = '"customer_id" "timestamp" "amount"\n"1" 2020-01-01 5\n"2" 2020-01-02 6\n'
SPACED = '"customer_id", "timestamp", "amount"\n"1", "2020-01-01", "5"\n"2", "2020-01-02", "6"\n'
SINGLE = "'customer_id','timestamp','amount'\n'1','2020-01-01','5'\n'2','2020-01-02','6'\n"
WRAPPED = "".join(f'"{line}"\n' for line in (HEADER + LINES).splitlines())
UNFRAMED = "customer_id | timestamp | amount\n--- | --- | ---\n1 | 2020-01-01 | 5\n2 | 2020-01-02 | 6\n"
RULED = HEADER + "-----------,---------,------\n" + LINES + "\n(2 rows affected)\n"


@pytest.mark.parametrize(
    ("text", "footer"),
    [
        (PSQL, (5, "ragged_line", "(2 rows)")),
        (MYSQL, (7, "ragged_line", "2 rows in set (0.00 sec)")),
        (MARKDOWN, None),
        (UNFRAMED, None),
        (WORDS, None),
        (R, None),
        (SPACED, None),
        (SINGLE, None),
        (WRAPPED, None),
        (RULED, (6, "ragged_line", "(2 rows affected)")),
    ],
    ids=[
        "psql",
        "mysql",
        "markdown",
        "unframed",
        "words",
        "R",
        "blank before quotes",
        "single quotes",
        "quoted lines",
        "SSMS to CSV",
    ],
)
def test_tables_drawn_for_people(read: Read, text: str, footer: Any) -> None:
    columns, rows, refused, findings = read(text)
    assert (columns, rows) == (["customer_id", "timestamp", "amount"], ROWS)
    assert refused == ([footer] if footer else [])
    assert set(findings) == (set() if text == RULED else {"layout"})


def test_fixed_widths_keep_blanks_and_empty_fields(read: Read) -> None:
    columns, rows, refused, _ = read(SSMS)
    assert columns == ["customer_id", "timestamp", "amount"]
    assert rows == [("1", "2020-01-01 10:00:00.000", "5.00"), ("2", "2020-01-02 00:00:00.000", None)]
    assert refused == [(6, "ragged_line", "(2 rows affected)")]


def test_blanks_within_fields_and_between_them(read: Read) -> None:
    rows = read(
        "customer   timestamp         amount\nAnna Lee   2020-01-01 10:00  5\nBob   2020-01-02 11:30  1,5\n"
    )[1]
    assert rows == [("Anna Lee", "2020-01-01 10:00", "5"), ("Bob", "2020-01-02 11:30", "1,5")]


class TestWithoutHeader:
    RAW = " 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n 00002 19970112  5   77.00\n"

    def test_columns_are_numbered(self, read: Read) -> None:
        assert read(LINES, header=False)[:2] == (["1", "2", "3"], ROWS)
        assert read("A title\n" + LINES, header=False)[:2] == (["1", "2", "3"], ROWS)

    def test_the_original_file_of_cdnow(self, read: Read) -> None:
        columns, rows, refused, _ = read(self.RAW, header=False)
        assert (columns, rows[2], refused) == (list("1234"), ("00002", "19970112", "5", "77.00"), [])

    @pytest.mark.parametrize(
        "text",
        [
            *(LINES, RAW),
            "C1;01.02.2020;5,50\n" * 2,
            "1,2\n3,4\n",
            "a,30-Mar-21,Bonn,12’912\n",
            *(
                f"c1;{time};Bonn;{number}\n"
                for time in (
                    *("15 April 2023 12:55 PM", "2019年09月21日", "Sat, 15 Apr 2023 10:00:00", "15.Apr.2023"),
                    *("20230405101112", "1680000000", "1680000000123", "2023-04", "04/2023"),
                    *("15APR2023", "April 15 2023", "2023-04-15T00:00:00Z"),
                )
                for number in ("12", "EUR 5,50")
            ),
        ],
    )
    def test_data_in_place_of_names(self, read: Read, text: str) -> None:
        with pytest.raises(SourceError, match=r"looks like data, not like names .* --set data.header=false"):
            read(text)

    def test_names_that_look_like_data_but_are_mapped(self, read: Read) -> None:
        assert read("2020,2021\nx,5\n", columns={"amount": "2021"})[1] == [("x", "5")]
        assert read("id,2021-01-01,2021-02-01\nx,5,6\n")[1] == [("x", "5", "6")]


class TestNames:
    def test_the_index_of_pandas(self, read: Read) -> None:
        columns, rows, _, findings = read("," + HEADER + "0,1,2020-01-01,5\n1,2,2020-01-02,6\n")
        assert columns == ["column_1", "customer_id", "timestamp", "amount"]
        assert [row[1:] for row in rows] == ROWS
        assert findings["unnamed_columns"].examples == ("column_1",)

    @pytest.mark.parametrize(
        ("header", "line"),
        [(",", ","), ("", ","), (",", ""), ("", ",,,")],
        ids=["both", "lines", "header", "three"],
    )
    def test_commas_at_the_end(self, read: Read, header: str, line: str) -> None:
        columns, rows, refused, _ = read(HEADER.strip() + header + "\n" + LINES.replace("\n", line + "\n"))
        assert (columns[:3], [row[:3] for row in rows], refused) == (
            ["customer_id", "timestamp", "amount"],
            ROWS,
            [],
        )

    def test_a_name_twice_is_no_name(self, read: Read, tmp_path: Path) -> None:
        text = HEADER.strip() + ",note,Note\n1,2020-01-01,5,a,b\n"
        columns, _, _, findings = read(text)
        assert columns[3:] == ["note_column_4", "Note_column_5"]
        assert findings["duplicate_columns"].text.endswith("are called note_column_4, Note_column_5")
        assert read_transactions(str(tmp_path / "log.csv")).lines_accepted == 1
        (tmp_path / "log.csv").write_text(HEADER.strip() + ",amount\n1,2020-01-01,5,7\n")
        with pytest.raises(
            SourceError, match=r"no column 'amount'.* it has .* amount_column_3, amount_column_4"
        ):
            read_transactions(str(tmp_path / "log.csv"))

    def test_signs_that_a_terminal_obeys_are_left_out(self, read: Read) -> None:
        assert read('a\x1b[31m,"b\nc",d\x07\n1,2,x\n')[0] == ["a[31m", "b c", "d"]

    def test_more_fields_than_names(self, read: Read) -> None:
        with pytest.raises(
            SourceError, match="lines have 4 fields, but the header has 3: correct the header, or"
        ):
            read(HEADER + "1,7,2020-01-01,5\n2,8,2020-01-02,6\n")
        columns, rows, *_ = read(HEADER + "1,7,2020-01-01,5\n2,8,2020-01-02,6\n", skip_lines=1, header=False)
        assert (columns, rows[0]) == (list("1234"), ("1", "7", "2020-01-01", "5"))

    def test_commas_in_names_need_no_quotes_in_columns(self) -> None:
        given = "customer_id=Name, full,amount=Price, net*Pieces"
        assert parse_columns(given) == {"customer_id": "Name, full", "amount": "Price, net*Pieces"}


def test_lines_and_quotation_marks_within_fields(read: Read) -> None:
    lines = "".join(f'{i},"two\nlines, ""quoted""",2020-01-01,5\n' for i in range(300))
    rows, refused = read("customer_id,note,timestamp,amount\n" + lines)[1:3]
    assert (len(rows), rows[299], refused) == (300, ("299", 'two\nlines, "quoted"', "2020-01-01", "5"), [])


def test_quotation_marks_after_a_backslash(read: Read) -> None:
    text = HEADER.strip() + ',note\n1,2020-01-01,5,"say \\"hi\\" now"\n2,2020-01-01,5,"5\\" pipe, long"\n'
    text += '3,2020-01-02,6,"a ""b"" c\\d"\n4,2020-01-02,6,"two\nlines, \\"quoted\\""\n'
    text += '5,2020-01-02,6,a \\"big\\" one\n6,2020-01-02,6,\\"big\\" one\n7,2020-01-02,6,\\"\n'
    rows, refused = read(text)[1:3]
    assert [row[3] for row in rows] == [
        'say "hi" now',
        '5" pipe, long',
        'a "b" c\\d',
        'two\nlines, "quoted"',
        'a "big" one',
        '"big" one',
        '"',
    ]
    assert refused == []


class TestEncodings:
    @pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
    def test_a_byte_order_mark_decides(self, read: Read, encoding: str) -> None:
        *found, findings = read((HEADER + LINES).encode(encoding))
        assert found == [["customer_id", "timestamp", "amount"], ROWS, []]
        assert set(findings) == (set() if encoding == "utf-8-sig" else {"encoding"})

    @pytest.mark.parametrize(
        ("text", "encoding"),
        [
            ("Jürg", "cp1252"),
            ("São João, Conceição", "cp1252"),
            ("Café – 5 €", "cp1252"),
            ("Łukasz Wałęsa, Kraków", "cp1250"),
            ("Jürg Köln Élodie", "cp850"),
            ("张三李四", "gb18030"),
            ("山田太郎カタカナ", "shift_jis"),
            ("陳大文客戶編號", "big5"),
            ("김철수이영희고객", "euc_kr"),
            ("Иванов Сергей, Москва", "cp1251"),
        ],
    )
    def test_one_line_in_a_hundred_gets_a_proposal(self, read: Read, text: str, encoding: str) -> None:
        lines = "".join(f"{i},2020-01-01,5\n" for i in range(99)) + f'"{text}",2020-01-01,5\n'
        _, rows, refused, findings = read((HEADER + lines).encode(encoding))
        assert (len(rows), [rule for _, rule, _ in refused]) == (99, ["invalid_encoding"])
        assert findings["invalid_encoding"].setting == f"data.encoding={encoding}"
        assert read((HEADER + lines).encode(encoding), encoding=encoding)[1][99][0] == text

    @pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
    def test_utf_16_without_a_mark_is_proposed(self, read: Read, encoding: str) -> None:
        with pytest.raises(
            SourceError, match=f"not text in encoding utf-8: use --set data.encoding={encoding} "
        ):
            read((HEADER + LINES).encode(encoding))
        assert read((HEADER + LINES).encode(encoding), encoding=encoding)[1] == ROWS
