"""A result is written whole or not at all, and an earlier one stays until then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from guanxi.data.sinks import files
from guanxi.data.sinks.output_location import parse_output_location
from guanxi.data.transactions import read_transactions
from guanxi.errors import OutputError, ParamsError

TABLE = pd.DataFrame(
    {
        "customer_id": ["007", 'a"b,c\n'],
        "day": [dt.date(2020, 1, 1), None],
        "value": [0.1 + 0.2, float("nan")],
    }
)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "deep/er/a.PARQUET"])
def test_tables_come_back_as_they_went(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    files.write_table(TABLE, path)
    if name.endswith("csv"):
        back = pd.read_csv(path, dtype={"customer_id": "str"})
        back["day"] = [dt.date.fromisoformat(day) if isinstance(day, str) else None for day in back["day"]]
    else:
        back = pd.read_parquet(path)
    assert back["customer_id"].tolist() == TABLE["customer_id"].tolist()
    assert back["value"].tolist()[0] == 0.1 + 0.2
    assert back["day"].tolist()[0] == dt.date(2020, 1, 1)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["a.xlsx", "a", "a.parquet.gz"])
def test_an_ending_that_says_no_format(tmp_path: Path, name: str) -> None:
    with pytest.raises(ParamsError, match=r"end the name in \.parquet or \.csv"):
        files.write_table(TABLE, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "failure", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("x")]
)
def test_a_failure_in_the_middle_leaves_the_earlier_file(tmp_path: Path, failure: BaseException) -> None:
    path = tmp_path / "a.csv"
    path.write_text("earlier")

    def write(temporary: Path) -> None:
        temporary.write_text("half")
        raise failure

    expected = OutputError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(expected) as caught:
        files.write_atomically(path, write)
    if isinstance(failure, OSError):
        assert str(caught.value) == f"cannot write {path}: the disk is full: free some space and run again"
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_that_parquet_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("earlier")
    with pytest.raises(OutputError, match="cannot write"):
        files.write_table(pd.DataFrame({"x": [{"a": 1}, "text"]}), path)
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("parent", ["file/a.csv", "file/deeper/a.csv"])
def test_a_file_where_a_folder_should_be(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot write into"):
        files.write_text("text", tmp_path / parent)
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_where_a_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(OutputError, match=r"a.csv is a folder: name a file in it"):
        files.write_table(TABLE, tmp_path / "a.csv")
    assert not list((tmp_path / "a.csv").iterdir())


def test_a_place_where_nothing_can_be_written() -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("needs /proc, where nobody may write")
    with pytest.raises(OutputError, match="cannot write into /proc"):
        files.check_output(Path("/proc/self/a.csv"))


def test_checking_makes_nothing(tmp_path: Path) -> None:
    files.check_output(tmp_path / "new" / "a.csv")
    assert not list(tmp_path.iterdir())


def test_rejected_lines_go_from_the_engine_to_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame({"customer_id": [1, None], "timestamp": ["2020-01-01"] * 2, "amount": [1.0, 2.0]})
    log = read_transactions(frame)
    files.write_engine_table(log.connection, log.rejected, tmp_path / "it's.parquet")
    assert pd.read_parquet(tmp_path / "it's.parquet")["rule"].tolist() == ["missing_customer"]
    assert [file.name for file in tmp_path.iterdir()] == ["it's.parquet"]


@pytest.mark.parametrize("write", ["table", "parts"])
def test_no_text_of_a_csv_file_is_run_as_a_formula(tmp_path: Path, write: str) -> None:
    texts = [
        "=HYPERLINK(1)",
        "+1+1",
        "-2-2",
        "@SUM(A1)",
        "\tx",
        "-x",
        "＝1",
        "-5",
        "+49",
        "-1e5",
        "x",
        None,
    ]
    table = pd.DataFrame({"customer_id": texts, "=heading": range(12), "value": [-1.5] * 12})
    if write == "table":
        files.write_table(table, tmp_path / "t.csv")
    else:
        location = parse_output_location(tmp_path / "t.csv")
        location.work_folder.mkdir()
        table.to_parquet(location.work_folder / "part-0.parquet", index=False)
        location.put([location.work_folder / "part-0.parquet"], {"guanxi": "1"})
    back = pd.read_csv(tmp_path / "t.csv", dtype={"customer_id": "str"})
    assert list(back.columns) == ["customer_id", "'=heading", "value"]
    assert back["value"].tolist() == [-1.5] * 12
    ids = back["customer_id"].tolist()
    assert ids[7:11] == ["-5", "+49", "-1e5", "x"]
    assert ids[:7] == [f"'{text}" for text in texts[:7]]
    files.write_table(table, tmp_path / "t.parquet")
    assert pd.read_parquet(tmp_path / "t.parquet")["customer_id"].tolist()[:11] == texts[:11]
