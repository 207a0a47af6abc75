"""A workbook, its parts read back from the file as Excel reads them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest

from guanxi.data.sinks import spreadsheet
from guanxi.data.sinks.spreadsheet import FORMULA_STARTS, LONGEST_TEXT, Column, Sheet, write_spreadsheet
from guanxi.errors import DataError, OutputError

NAMESPACE = {"x": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
COLUMNS = {
    "customer_id": Column("Customer"),
    "score": Column("Score", "score", scale=True),
    "tier": Column("Tier", fills={"high": "#A9D6CF", "low": "#F6D5C0"}),
    "day": Column("Next purchase", "date"),
    "churn": Column("Churn probability", "percent"),
    "rank": Column("Rank", "count"),
    "clv": Column("Expected value", "money"),
}
TABLE = pd.DataFrame(
    {
        "clv": [1234.5, -2.0, np.nan],
        "customer_id": ["007", "=1+1", "关系"],
        "score": [71.25, np.nan, 0.1 + 0.2],
        "tier": ["high", None, "low"],
        "day": [dt.date(2026, 3, 9), None, dt.date(1899, 12, 31)],
        "churn": [0.25, 0.0, 1.0],
        "rank": pd.array([1, None, 2], dtype="Int64"),
        "not shown": 1,
    }
)


class Cell(NamedTuple):
    kind: str
    text: str
    format: str
    marked: bool


class Book:
    """What stands in a workbook, without any library for it."""

    def __init__(self, path: Path) -> None:
        with ZipFile(path) as parts:
            self.names = parts.namelist()
            trees = {name: ElementTree.fromstring(parts.read(name)) for name in self.names if ".xml" in name}
        self.sheets = [
            trees[f"xl/worksheets/sheet{i}.xml"] for i in range(1, 1 + sum("/sheet" in n for n in self.names))
        ]
        self.titles = [
            sheet.get("name") for sheet in trees["xl/workbook.xml"].iterfind(".//x:sheet", NAMESPACE)
        ]
        styles = trees["xl/styles.xml"]
        own = {f.get("numFmtId"): f.get("formatCode") for f in styles.iterfind(".//x:numFmt", NAMESPACE)}
        builtin = {"0": "General", "3": "#,##0", "4": "#,##0.00", "49": "@"}
        self.formats = [
            ((own | builtin)[style.get("numFmtId")], style.get("quotePrefix") == "1")
            for style in styles.iterfind("x:cellXfs/x:xf", NAMESPACE)
        ]

    def cells(self, sheet: int = 0) -> dict[str, Cell]:
        found = {}
        for cell in self.sheets[sheet].iterfind(".//x:c", NAMESPACE):
            assert cell.find("x:f", NAMESPACE) is None, "a formula"
            text = "".join(cell.itertext())
            found[cell.get("r")] = Cell(cell.get("t", "n"), text, *self.formats[int(cell.get("s", 0))])
        return found

    def all(self, tag: str, sheet: int = 0) -> list[ElementTree.Element]:
        return self.sheets[sheet].findall(f".//x:{tag}", NAMESPACE)


def written(tmp_path: Path, *sheets: Sheet) -> Book:
    write_spreadsheet(sheets, tmp_path / "scores.xlsx")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.xlsx"]
    return Book(tmp_path / "scores.xlsx")


def test_values_come_back_with_their_formats(tmp_path: Path) -> None:
    cells = written(tmp_path, Sheet("Scorecard", TABLE, COLUMNS)).cells()
    headings = [cells[f"{letter}1"].text for letter in "ABCDEFG"]
    assert headings == [column.heading for column in COLUMNS.values()]
    assert cells["A2"] == ("inlineStr", "007", "@", False)
    assert cells["A4"] == ("inlineStr", "关系", "@", False)
    assert cells["B2"] == ("n", "71.25", "0.0", False)
    assert float(cells["B4"].text) == pytest.approx(0.1 + 0.2, rel=1e-15)
    assert cells["D2"] == ("n", str((dt.date(2026, 3, 9) - dt.date(1899, 12, 30)).days), "yyyy-mm-dd", False)
    assert cells["D4"] == ("inlineStr", "1899-12-31", "yyyy-mm-dd", False)
    assert cells["E2"] == ("n", "0.25", "0.0%", False)
    assert cells["F2"] == ("n", "1", "#,##0", False)
    assert cells["G3"] == ("n", "-2", "#,##0.00", False)
    assert set(cells) & {"B3", "C3", "D3", "F3", "G4"} == set()


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_what_looks_like_a_formula_is_a_text_and_stays_one(start: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"customer_id": [f"{start}1+1"]})
    cell = written(tmp_path, Sheet("S", table, {"customer_id": Column("Customer")})).cells()["A2"]
    text = cell.text.replace("_x000D_", "\r")
    assert (cell.kind, text, cell.marked) == ("inlineStr", f"{start}1+1", True)


@pytest.mark.parametrize(
    "text", ["http://x.y", "internal:A1", "mailto:a@b", "{=1}", "1e5", "TRUE", "a<b>&\"'c", " x "]
)
def test_any_text_is_the_text(text: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"customer_id": [text]})
    book = written(tmp_path, Sheet("S", table, {"customer_id": Column("Customer")}))
    assert book.cells()["A2"][:2] == ("inlineStr", text)
    assert not any("_rels/sheet" in name for name in book.names)


def test_a_text_longer_than_a_cell_ends_in_dots(tmp_path: Path) -> None:
    table = pd.DataFrame({"customer_id": ["🙂" * LONGEST_TEXT]})
    text = written(tmp_path, Sheet("S", table, {"customer_id": Column("Customer")})).cells()["A2"].text
    assert len(text.encode("utf-16-le")) <= 2 * LONGEST_TEXT
    assert set(text) == {"🙂", "…"}


def test_heading_filter_colours_and_widths(tmp_path: Path) -> None:
    book = written(tmp_path, Sheet("Scorecard", TABLE, COLUMNS))
    [pane], [filtered] = book.all("pane"), book.all("autoFilter")
    assert (pane.get("state"), pane.get("topLeftCell"), filtered.get("ref")) == ("frozen", "B2", "A1:G4")
    rules = {
        rules.get("sqref"): [rule.get("type") for rule in rules]
        for rules in book.all("conditionalFormatting")
    }
    assert rules == {"B2:B4": ["colorScale"], "C2:C4": ["cellIs", "cellIs"]}
    assert [formula.text for formula in book.all("formula")] == ['"high"', '"low"']
    widths = [float(column.get("width")) for column in book.all("col") for _ in range(_span(column))]
    assert len(widths) == len(COLUMNS)
    assert min(widths) >= 9
    assert max(widths) < 50


def _span(column: ElementTree.Element) -> int:
    return int(column.get("max")) - int(column.get("min")) + 1


def test_a_second_sheet_with_notes_below_its_table(tmp_path: Path) -> None:
    weights = pd.DataFrame({"indicator": ["future_value"], "weight": [1.0]})
    columns = {"indicator": Column("Indicator"), "weight": Column("Weight", "percent")}
    notes = ("No surveys were given.", "=not a formula")
    book = written(tmp_path, Sheet("Scorecard", TABLE, COLUMNS), Sheet("权重", weights, columns, notes))
    assert book.titles == ["Scorecard", "权重"]
    assert {place: cell.text for place, cell in book.cells(1).items()} == {
        "A1": "Indicator",
        "B1": "Weight",
        "A2": "future_value",
        "B2": "1",
        "A4": "No surveys were given.",
        "A5": "=not a formula",
    }


def test_nobody(tmp_path: Path) -> None:
    cells = written(tmp_path, Sheet("Scorecard", TABLE.head(0), COLUMNS)).cells()
    assert {place[1:] for place in cells} == {"1"}


def test_more_than_a_sheet_holds(tmp_path: Path) -> None:
    long = pd.DataFrame({"score": np.zeros(1_048_576)})
    with pytest.raises(
        OutputError, match=r"1,048,576 rows and 1 columns are too many .* write \.parquet or \.csv"
    ):
        write_spreadsheet([Sheet("S", long, {"score": Column("Score", "score")})], tmp_path / "scores.xlsx")
    assert not list(tmp_path.iterdir())


def test_an_infinite_number(tmp_path: Path) -> None:
    table = TABLE.assign(clv=[np.inf, 1.0, -np.inf])
    with pytest.raises(DataError, match="clv is infinite in 2 rows"):
        write_spreadsheet([Sheet("S", table, COLUMNS)], tmp_path / "scores.xlsx")


def test_a_failure_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.xlsx"
    path.write_text("earlier")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spreadsheet, "_write_sheet", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_spreadsheet([Sheet("S", TABLE, COLUMNS)], path)
    assert path.read_text() == "earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["scores.xlsx"]


def test_the_disk_fills_up_while_the_parts_are_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("xlsxwriter.workbook.ZipFile", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_spreadsheet([Sheet("S", TABLE, COLUMNS)], tmp_path / "scores.xlsx")
    assert not list(tmp_path.iterdir())
