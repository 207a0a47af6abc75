"""Import files of customer systems, read back as strictly as those would."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.data.sinks.formulas import FORMULA_STARTS, neutralise
from guanxi.data.sinks.spreadsheet import cut
from guanxi.errors import DataError, OutputError, ParamsError
from guanxi.scorecard.exports import _customer_systems
from guanxi.scorecard.exports._customer_systems import export_customers, layout_of
from guanxi.scorecard.exports._import_layouts import LAYOUTS

TABLE = pd.DataFrame(
    {
        "customer_id": ["007", "C,2", "关系"],
        "score": [71.234567, 0.0, np.nan],
        "grade": ["A", "E", None],
        "tier": ["high", "low", "middle"],
        "churn_probability": [0.25, 1.0, 1e-9],
        "clv": [1234567.5, -0.00001, 12.0],
        "next_purchase_date": [dt.date(2026, 3, 9), None, dt.date(2261, 12, 31)],
        "driver_1_text": ["last bought 3 days ago; usually every 9", '=HYPERLINK("x")', None],
    }
)


def read(path: Path, mark: bool = False) -> list[dict[str, str]]:
    raw = path.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") == mark
    text = raw.decode("utf-8-sig")
    assert text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize("system", LAYOUTS)
def test_the_proposed_layout_of_each_system(system: str, tmp_path: Path) -> None:
    done = export_customers(TABLE, tmp_path / system, system)
    layout = layout_of(system)
    rows = read(tmp_path / system / "contacts-001.csv", layout.byte_order_mark)
    assert list(rows[0]) == list(layout.fields.values())
    first, second, third = ([row[heading] for heading in layout.fields.values()] for row in rows)
    day = "03/09/2026" if system == "zoho" else "2026-03-09"
    text = "last bought 3 days ago; usually every 9"
    assert first == ["007", "71.2346", "A", "high", "0.25", "1234567.5", day, text]
    told = "'=HYPERLINK( x )" if system == "zoho" else '\'=HYPERLINK("x")'
    assert second == ["C,2", "0", "E", "low", "1", "0", "", told]
    assert third == ["关系", "", "", "middle", "0", "12", third[6], ""]
    assert done.files == {"contacts-001.csv": 3}
    assert any("driver_1_text that look like formulas" in warning for warning in done.warnings)
    assert {path.name for path in (tmp_path / system).iterdir()} == {"contacts-001.csv", "_manifest.json"}
    assert [path.name for path in tmp_path.iterdir()] == [system]


def test_own_fields_in_their_order(tmp_path: Path) -> None:
    table = TABLE.assign(vip=[True, False, True], orders=[3, 0, 12])
    export_customers(table, tmp_path / "out", "hubspot", {"vip": "VIP", "orders": "Orders"})
    rows = read(tmp_path / "out" / "contacts-001.csv")
    assert list(rows[0].items()) == [
        ("Customer ID", "007"),
        ("VIP", "true"),
        ("Orders", "3"),
    ]
    assert [row["VIP"] for row in rows] == ["true", "false", "true"]
    manifest = json.loads((tmp_path / "out" / "_manifest.json").read_text())
    assert manifest["fields"] == {"customer_id": "Customer ID", "vip": "VIP", "orders": "Orders"}


def test_what_the_table_does_not_have_is_not_proposed(tmp_path: Path) -> None:
    export_customers(TABLE[["customer_id", "score"]], tmp_path / "out", "salesforce")
    [*rows] = read(tmp_path / "out" / "contacts-001.csv")
    assert list(rows[0]) == ["Customer_Id__c", "Guanxi_Score__c"]


def test_files_of_at_most_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "zoho", replace(LAYOUTS["zoho"], rows=4))
    table = pd.DataFrame({"customer_id": [f"C{i}" for i in range(9)], "score": range(9)})
    done = export_customers(table, tmp_path / "out", "zoho")
    assert done.files == {"contacts-001.csv": 4, "contacts-002.csv": 4, "contacts-003.csv": 1}
    rows = [read(tmp_path / "out" / name) for name in done.files]
    assert [row["Customer ID"] for part in rows for row in part] == table["customer_id"].tolist()


def test_files_of_at_most_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "fxiaoke", replace(LAYOUTS["fxiaoke"], size=400))
    table = pd.DataFrame({"customer_id": [f"客户{i:03d}" for i in range(100)], "score": 5.0})
    done = export_customers(table, tmp_path / "out", "fxiaoke")
    sizes = [(tmp_path / "out" / name).stat().st_size for name in done.files]
    assert max(sizes) <= 400 < min(sizes[:-1]) + 20
    rows = [row for name in done.files for row in read(tmp_path / "out" / name, mark=True)]
    assert [row["客户编号"] for row in rows] == table["customer_id"].tolist()


def test_a_documented_limit_in_earnest(tmp_path: Path) -> None:
    table = pd.DataFrame({"customer_id": pd.RangeIndex(50_001)})
    assert list(export_customers(table, tmp_path / "out", "salesforce").files.values()) == [50_000, 1]


def test_long_texts_are_cut_and_counted(tmp_path: Path) -> None:
    table = TABLE.assign(driver_1_text=["关" * 300, "x" * 255, "🙂" * 128])
    done = export_customers(table, tmp_path / "out", "salesforce")
    texts = [row["Main_Driver__c"] for row in read(tmp_path / "out" / "contacts-001.csv")]
    assert texts == ["关" * 254 + "…", "x" * 255, "🙂" * 127 + "…"]
    assert done.warnings == ("Salesforce: texts of driver_1_text cut to 255 characters: 2",)


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_text_is_a_formula_and_no_number_is_touched(start: str, tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"customer_id": ["a", f"{start}b"], "clv": [-5.0, 1.0], "tier": [f"{start}1+1", "a=b"]}
    )
    done = export_customers(table, tmp_path / "out", "hubspot")
    rows = read(tmp_path / "out" / "contacts-001.csv")
    assert [list(row.values()) for row in rows] == [["a", f"'{start}1+1", "-5"], [f"'{start}b", "a=b", "1"]]
    assert "with an apostrophe, which the identifiers in the system need too: 1" in done.warnings[0]


@given(st.text(max_size=40), st.integers(2, 30))
def test_a_cut_text_is_short_begins_the_same_and_encodes(text: str, units: int) -> None:
    short = cut(text, units)
    assert len(short.encode("utf-16-le")) <= 2 * units
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
    assert neutralise(neutralise(text)) == neutralise(text)


@pytest.mark.parametrize("text", ["ab\u0301cdef", "ab👩‍👩‍👧def", "ab👍🏽def", "ab☎\ufe0fdef"])
def test_what_is_one_sign_is_not_torn(text: str) -> None:
    assert {cut(text, units)[:2].rstrip("…") for units in range(3, 5)} <= {"a", "ab"}
    assert cut(text, 3) in ("a…", "ab…")


@pytest.mark.parametrize(
    ("system", "fields", "message"),
    [
        ("hubspt", None, r"exports\.hubspt: not a known customer system: did you mean hubspot\?"),
        ("sap", None, "known here: fxiaoke, hubspot, salesforce, zoho"),
        ("zoho", {"scor": "Score"}, r"exports\.zoho\.fields\.scor: .* did you mean score\?"),
        ("zoho", {"score": "X", "tier": "X"}, "2 columns have the heading 'X'"),
        ("zoho", {"score": ""}, "'' is no heading"),
        ("zoho", {"score": "=A1"}, "'=A1' is no heading"),
        ("zoho", {"score": "a|b"}, 'and without "|<>'),
        ("salesforce", {"score": "a\nb"}, "is no heading: write it on one line"),
    ],
)
def test_what_cannot_be_meant(system: str, fields: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=message if "|" not in message else re.escape(message)):
        export_customers(TABLE, tmp_path / "out", system, fields)
    assert not list(tmp_path.iterdir())


def test_more_columns_than_a_system_takes(tmp_path: Path) -> None:
    wide = pd.DataFrame({"customer_id": ["a"]} | {f"c{i}": [i] for i in range(95)})
    fields = {f"c{i}": f"C{i}" for i in range(95)}
    with pytest.raises(ParamsError, match="96 columns; Salesforce takes 90 at most"):
        export_customers(wide, tmp_path / "out", "salesforce", fields)


@pytest.mark.parametrize("customer", ["x" * 256, "a|b"])
def test_an_identifier_is_never_changed(customer: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"Zoho CRM accepts no identifier .*; customers with one: 1, the first"
    ):
        export_customers(TABLE.assign(customer_id=["a", customer, "c"]), tmp_path / "out", "zoho")
    assert not list(tmp_path.iterdir())


def test_an_infinite_number_is_refused_and_the_earlier_export_stays(tmp_path: Path) -> None:
    export_customers(TABLE, tmp_path / "out", "zoho")
    before = (tmp_path / "out" / "contacts-001.csv").read_bytes()
    with pytest.raises(DataError, match="clv is infinite"):
        export_customers(TABLE.assign(clv=np.inf), tmp_path / "out", "zoho")
    assert (tmp_path / "out" / "contacts-001.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_nothing_of_an_earlier_export_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(LAYOUTS, "zoho", replace(LAYOUTS["zoho"], rows=1))
        export_customers(TABLE, tmp_path / "out", "zoho")
    export_customers(TABLE, tmp_path / "out", "zoho")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_manifest.json",
        "contacts-001.csv",
    ]


def test_a_folder_with_other_files_is_not_given_up(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(OutputError, match=r"contains 'thesis\.docx'"):
        export_customers(TABLE, tmp_path, "zoho")
    with pytest.raises(OutputError, match="is a file"):
        export_customers(TABLE, tmp_path / "thesis.docx", "zoho")
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_a_failure_halfway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "zoho", replace(LAYOUTS["zoho"], rows=1))
    write, calls = _customer_systems.write_atomically, iter(range(9))

    def fail(path, *rest):
        if next(calls) == 2:
            raise OutputError("the disk is full")
        write(path, *rest)

    monkeypatch.setattr(_customer_systems, "write_atomically", fail)
    with pytest.raises(OutputError, match="the disk is full"):
        export_customers(TABLE, tmp_path / "out", "zoho")
    assert not list(tmp_path.iterdir())


def test_nobody_to_export(tmp_path: Path) -> None:
    done = export_customers(TABLE.head(0), tmp_path / "out", "hubspot")
    assert done.files == {"contacts-001.csv": 0}
    assert (tmp_path / "out" / "contacts-001.csv").read_text().startswith("Customer ID,Guanxi Score,")


def test_the_limits_are_those_that_are_documented() -> None:
    page = Path(__file__).parents[3] / "docs" / "exports.md"
    table = [line.strip("|").split(" | ") for line in page.read_text().splitlines() if line.startswith("|")]
    told = {
        row[0].strip(): [re.sub(r"\[\w+\]|\*", "", cell).strip(" |") for cell in row[1:]] for row in table
    }
    layouts = [LAYOUTS[system] for system in ("zoho", "salesforce", "hubspot", "fxiaoke")]
    assert told["records a file"] == [f"{layout.rows:,}" for layout in layouts]
    assert told["bytes a file"] == [f"{layout.size // 10**6} MB" for layout in layouts]
    assert told["columns"] == [str(layout.columns) for layout in layouts]
    assert told["characters of a text"] == [f"{layout.text_length:,}" for layout in layouts]
    day = dt.date(2026, 3, 9)
    assert told["dates"] == [day.strftime(layout.date_format) for layout in layouts]
    assert told["ticked, not ticked"] == [f"{layout.true}, {layout.false}" for layout in layouts]
