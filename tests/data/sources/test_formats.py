"""Files are known by their content, whatever their name."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

CSV = b"customer_id,timestamp,amount\n1,2020-01-01,5\n2,2020-01-02,6.5\n"
NAMES = ["customer_id", "timestamp", "amount"]
DAYS = [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2)]
TABLE = pa.table({"customer_id": [1, 2], "timestamp": pa.array(DAYS, pa.timestamp("us")), "amount": [5, 6.5]})


def workbook(**sheets: list[list[Any]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"default_date_format": "dd/mm/yyyy hh:mm"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return buffer.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(TABLE, buffer)
    return buffer.getvalue()


def arrow(framed: bool) -> bytes:
    buffer = io.BytesIO()
    with (pa.ipc.new_file if framed else pa.ipc.new_stream)(buffer, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return buffer.getvalue()


BOOK = workbook(Sales=[NAMES, [1, DAYS[0], 5], [2, DAYS[1], 6.5]])
OBJECTS = [dict(zip(NAMES, row, strict=True)) for row in ([1, "2020-01-01", 5], [2, "2020-01-02", 6.5])]
LINES = "".join(json.dumps(each) + "\n" for each in OBJECTS).encode()
CONTENTS = {
    "csv": CSV,
    "gzip": gzip.compress(CSV),
    "bzip2": bz2.compress(CSV),
    "xz": lzma.compress(CSV),
    "zstd": pa.compress(CSV, codec="zstd", asbytes=True),
    "zip": archive({"folder/": b"", "folder/log.csv": CSV, "__MACOSX/log.csv": b"", "folder/.x": b""}),
    "gzip in zip": archive({"log.csv.gz": gzip.compress(CSV)}),
    "parquet": parquet(),
    "parquet in gzip": gzip.compress(parquet()),
    "workbook": BOOK,
    "workbook in zip": archive({"log.xlsx": BOOK}),
    "arrow": arrow(True),
    "arrow stream": arrow(False),
    "JSON lines": LINES,
    "JSON lines in gzip": gzip.compress(LINES),
    "JSON array": json.dumps(OBJECTS, indent=1).encode(),
}


def read(path: Path, content: bytes, **params: Any) -> TransactionLog:
    path.write_bytes(content)
    return read_transactions(str(path), DataParams(**params))


@pytest.mark.parametrize("name", ["log.csv", "log.xlsx", "log.parquet", "LOG"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_the_same_table(tmp_path: Path, kind: str, name: str) -> None:
    log = read(tmp_path / name, CONTENTS[kind])
    lines = log.lines.order_by("line_number").execute()
    assert lines["customer_id"].astype(str).tolist() == ["1", "2"]
    assert lines["timestamp"].tolist() == DAYS
    assert lines["amount"].tolist() == [5, 6.5]
    assert (log.lines_read, log.findings) == (2, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            archive({"a.csv": CSV, "b.csv": CSV}),
            r"the archive holds 2 files \(a.csv, b.csv\): unpack it and give the folder",
        ),
        (archive({}), r"the archive holds 0 files \(none\)"),
        (archive({"a.csv": CSV})[:-30], "the compressed file is damaged .*: copy it again"),
        (bz2.compress(CSV * 5000)[:-20], "the compressed file is damaged .*: copy it again"),
        (lzma.compress(CSV * 5000)[:-20], "the compressed file is damaged .*: copy it again"),
        (pa.compress(CSV * 5000, codec="zstd", asbytes=True)[:-20], "the compressed file is damaged"),
        (gzip.compress(gzip.compress(gzip.compress(gzip.compress(CSV)))), "compressed more than 3 times"),
        (BOOK[:3000], "the compressed file is damaged"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000),
            "not readable as a workbook .*: save it again as .xlsx",
        ),
        (
            b"<html><table><tr><td>1</td></tr></table></html>",
            "a page of HTML or XML, .* save it as .xlsx or CSV",
        ),
        (
            b"\n<?xml version='1.0'?><Workbook></Workbook>",
            "a page of HTML or XML, .* save it as .xlsx or CSV",
        ),
        (b"%PDF-1.4", "is a PDF document: export the table as CSV"),
        (b"SQLite format 3\0", "is a SQLite database: export the table as CSV"),
        (
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
            "the first line is not text .*: give a table as text, a workbook or",
        ),
        (arrow(False)[:-60], "not readable as Arrow: "),
        (b'[{"a": 1},', "not readable as JSON: "),
        (b'[{"a": 1}, 2]', "the JSON array must hold objects, one for each line"),
        (b'{"orders": [\n{"a": 1}\n]}', "no column 'customer_id' for customer_id, .*; it has a"),
    ],
)
def test_files_that_cannot_be_read_say_what_they_are(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=rf"log\.csv.*{message}") as caught:
        read(tmp_path / "log.csv", content)
    assert "\n" not in str(caught.value)


class TestWorkbooks:
    def test_the_sheet_with_the_most_lines_unless_one_is_named(self, tmp_path: Path) -> None:
        book = workbook(
            Notes=[["hello"]], Sales=[NAMES, [1, DAYS[0], 5], [1, DAYS[1], 6]], Old=[NAMES, [7, DAYS[0], 9]]
        )
        log = read(tmp_path / "a.xlsx", book)
        assert log.lines_read == 2
        assert [(found.name, found.lines, found.setting) for found in log.findings] == [
            ("sheet", 3, "data.sheet=Sales")
        ]
        log = read(tmp_path / "a.xlsx", book, sheet="Old")
        assert (log.lines.amount.sum().execute(), log.findings) == (9, ())
        with pytest.raises(SourceError, match=r"no sheet 'old': set data.sheet to one of Notes, Sales, Old"):
            read(tmp_path / "a.xlsx", book, sheet="old")

    def test_titles_blank_lines_and_blank_columns(self, tmp_path: Path) -> None:
        rows = [["Sales of 2020"], [], ["", *NAMES], ["", 1, DAYS[0], 5], [], ["", 2, DAYS[1], 6.5]]
        log = read(tmp_path / "a.xlsx", workbook(Sales=rows))
        assert log.lines_accepted == 2
        assert [found.setting for found in log.findings] == ["data.skip_lines=2"]

    def test_cells_keep_their_types_and_mixed_columns_are_text(self, tmp_path: Path) -> None:
        rows = [[*NAMES, "note"], [12345, DAYS[0], 0.1, 1], ["0012", DAYS[1], 1234.567, "x"]]
        lines = read(tmp_path / "a.xlsx", workbook(Sales=rows), columns={"category": "note"}).lines.execute()
        assert lines["customer_id"].tolist() == ["12345", "0012"]
        assert lines["timestamp"].tolist() == DAYS
        assert lines["amount"].tolist() == [0.1, 1234.567]
        assert lines["category"].tolist() == ["1", "x"]

    def test_cells_with_an_error_are_missing(self, tmp_path: Path) -> None:
        buffer = io.BytesIO()
        with xlsxwriter.Workbook(buffer) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([NAMES, ["a", "2020-01-01", 5], ["b", "2020-01-02"]]):
                sheet.write_row(number, 0, row)
            sheet.write_formula("C3", "=1/0", None, "#DIV/0!")
        assert read(tmp_path / "a.xlsx", buffer.getvalue()).rejected_by_rule == {"missing_amount": 1}

    def test_without_a_header(self, tmp_path: Path) -> None:
        book = workbook(Sales=[[1, DAYS[0], 5], [2, DAYS[1], 6]])
        with pytest.raises(SourceError, match=r"sheet 'Sales': the first line .* data.header=false"):
            read(tmp_path / "a.xlsx", book)
        columns = {"customer_id": "1", "timestamp": "2", "amount": "3"}
        assert read(tmp_path / "a.xlsx", book, header=False, columns=columns).lines_accepted == 2

    def test_an_empty_sheet(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no row is left to name the columns: the sheet has 0 rows"):
            read(tmp_path / "a.xlsx", workbook(Sheet1=[]))


class TestJson:
    def test_lines_that_are_no_objects_are_refused(self, tmp_path: Path) -> None:
        log = read(tmp_path / "a.jsonl", LINES + b'\nnot json\n[1]\n{"customer_id": "J\xfcrg"}\n')
        assert (log.lines_read, log.lines_accepted) == (5, 2)
        assert log.rejected.execute()["line_number"].tolist() == [4, 5, 6]

    def test_keys_come_and_go_and_kinds_mix(self, tmp_path: Path) -> None:
        objects = [
            {"customer_id": 12345678901234567890, "timestamp": "2020-01-01", "amount": 5, "tags": ["x"]},
            {"timestamp": "2020-01-01", "amount": 6.25, "customer_id": "b", "more": {"a": True}},
        ]
        text = "".join(json.dumps(each) + "\n" for each in objects).encode()
        log = read(tmp_path / "a", text, columns={"category": "tags", "channel": "more"})
        lines = log.lines.order_by("line_number").execute()
        assert lines["customer_id"].tolist() == ["12345678901234567890", "b"]
        assert lines["amount"].tolist() == [5, 6.25]
        assert (lines["category"].iloc[0], lines["channel"].iloc[1]) == ('["x"]', '{"a": true}')


class TestFolders:
    def test_files_of_one_kind_each_with_its_own_layout(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(CSV)
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "b.csv.gz").write_bytes(gzip.compress(b"Report\n\n" + CSV + b"3,2020\n"))
        (tmp_path / "c.txt").write_bytes(CSV.replace(b",", b";"))
        (tmp_path / "_manifest.json").write_text("{}")
        log = read_transactions(str(tmp_path))
        assert (log.lines_accepted, log.rejected_by_rule) == (6, {"ragged_line": 1})
        assert log.rejected.execute()["line_number"].tolist() == [6]
        noticed = [found for found in log.findings if found.name not in log.rejected_by_rule]
        assert [found.setting for found in noticed] == ["data.skip_lines=2"]

    @pytest.mark.parametrize("kind", ["workbook", "arrow", "JSON lines"])
    def test_other_kinds(self, tmp_path: Path, kind: str) -> None:
        for name in ("a.xlsx", "b.xlsx"):
            (tmp_path / name).write_bytes(CONTENTS[kind])
        assert read_transactions(str(tmp_path)).lines_accepted == 4

    def test_kinds_are_not_mixed(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(CSV)
        (tmp_path / "b.parquet").write_bytes(parquet())
        with pytest.raises(
            SourceError, match=r"a.csv is CSV, but .*b.parquet is Parquet: read files of one kind"
        ):
            read_transactions(str(tmp_path))


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    log = read(tmp_path / "a.csv", gzip.compress(b"Report\n\n" + CSV))
    assert not [
        path for path in (tmp_path / "tmp").rglob("*") if path.is_file() and b"2020" in path.read_bytes()
    ]
    log.close()
    with pytest.raises(DataError):
        read(tmp_path / "a.csv", gzip.compress(CSV[:29]))


class TestSeveralTables:
    rows: ClassVar[list[list[Any]]] = [["customer_id", "timestamp", "amount"], ["1", "2020-01-01", 5.0]]

    def test_an_archive_of_files_is_to_be_given_as_a_folder(self, tmp_path: Path) -> None:
        given = tmp_path / "all.zip"
        given.write_bytes(archive({"2022.csv": CSV, "2023.csv": CSV}))
        with pytest.raises(
            SourceError, match=r"holds 2 files .*: unpack it and give the folder, to read all"
        ):
            read_transactions(str(given))

    def test_sheets_of_the_same_columns_can_be_read_together(self, tmp_path: Path) -> None:
        given = tmp_path / "all.xlsx"
        given.write_bytes(workbook(**{"2022": [*self.rows, self.rows[1]], "2023": self.rows, "Notes": []}))
        log = read_transactions(str(given))
        (found,) = (each for each in log.findings if each.name == "sheet")
        assert "of the same columns: to read them all, --set 'data.sheet=*'" in found.text
        assert (log.lines_accepted, found.setting) == (2, "data.sheet=*")
        assert read_transactions(str(given), DataParams(sheet="20*")).lines_accepted == 3
        with pytest.raises(SourceError, match=r"no sheet '19\*': set data.sheet to one of 2022, 2023"):
            read_transactions(str(given), DataParams(sheet="19*"))

    def test_sheets_of_other_columns_are_not_read_together(self, tmp_path: Path) -> None:
        given = tmp_path / "all.xlsx"
        given.write_bytes(workbook(log=[*self.rows, self.rows[1]], codes=[["code", "name"], ["1", "x"]]))
        (found,) = (each for each in read_transactions(str(given)).findings if each.name == "sheet")
        assert found.setting == "data.sheet=log"
        with pytest.raises(SourceError, match="sheet 'codes': its columns differ"):
            read_transactions(str(given), DataParams(sheet="*"))

    @pytest.mark.parametrize("indent", [None, 2])
    def test_one_object_that_holds_the_lines_is_named(self, tmp_path: Path, indent: int | None) -> None:
        records = [dict(zip(NAMES, ("1", "2020-01-01", 5), strict=True))] * 3
        given = tmp_path / "log.json"
        given.write_text(json.dumps({"status": "ok", "data": records}, indent=indent))
        with pytest.raises(
            SourceError, match="is one object, whose 'data' holds 3 objects: write only these"
        ):
            read_transactions(str(given))
