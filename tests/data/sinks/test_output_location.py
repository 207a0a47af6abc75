"""A table of many parts comes whole into files, folders and databases, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guanxi.data.sinks.output_location import OutputLocation, parse_output_location
from guanxi.errors import OutputError, ParamsError, SourceError

SCHEMA = pa.schema({"customer_id": pa.string(), "day": pa.date32(), "value": pa.float64(), "n": pa.int64()})
MANIFEST = {"guanxi": "0", "rows": 4, "as_of": None, "rejected_by_rule": {"missing_amount": 2}}


def write_parts(location: OutputLocation, first: float = 0.1) -> list[Path]:
    """Two parts with what formats trip over: quotes, line ends, empty text, nothing at all."""
    parts = []
    for i, ids in enumerate((['a"b,c\n', ""], ["é", "007"])):
        table = pd.DataFrame({"customer_id": ids, "day": [pd.Timestamp("2020-01-01").date(), None]})
        table = table.assign(value=[first + 0.2, None], n=[2**60 + i, i])
        parts.append(location.work_folder / f"part-{i:05d}.parquet")
        location.work_folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False), parts[-1])
    return parts


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["t.parquet", "t.CSV", "deep/er/t.csv"])
def test_a_file_and_its_manifest(tmp_path: Path, name: str) -> None:
    location = parse_output_location(tmp_path / name)
    location.check()
    assert not list(tmp_path.iterdir())
    parts = write_parts(location)
    location.put(parts, MANIFEST)
    path = tmp_path / name
    back = pq.read_table(path).to_pandas() if name.endswith("parquet") else pd.read_csv(path)
    assert len(back) == 4
    assert back["value"].tolist()[0] == 0.1 + 0.2
    assert back["customer_id"].tolist()[0] == 'a"b,c\n'
    assert json.loads(path.with_name(path.name + ".manifest.json").read_text()) == MANIFEST
    assert names(path.parent) == sorted([path.name, path.name + ".manifest.json", location.work_folder.name])


def test_csv_is_what_pandas_writes(tmp_path: Path) -> None:
    location = parse_output_location(tmp_path / "t.csv")
    parts = write_parts(location)
    location.put(parts, MANIFEST)
    whole = pd.concat(pq.read_table(part).to_pandas() for part in parts)
    assert (tmp_path / "t.csv").read_text() == whole.to_csv(index=False)


@pytest.mark.parametrize("name", ["scores/", "scores", "scores.parquet/"])
def test_a_folder_takes_the_place_of_an_earlier_one(tmp_path: Path, name: str) -> None:
    for first in (0.0, 1.0):
        location = parse_output_location(f"{tmp_path}/{name}")
        location.check()
        location.put(write_parts(location, first), MANIFEST)
        folder = tmp_path / name
        assert names(tmp_path) == [folder.name]
        assert names(folder) == ["_manifest.json", "part-00000.parquet", "part-00001.parquet"]
        assert pq.read_table(folder)["value"].to_pylist()[0] == first + 0.2


def test_a_folder_of_other_things_stays(tmp_path: Path) -> None:
    folder = tmp_path / "scores"
    folder.mkdir()
    parse_output_location(folder).check()
    (folder / "thesis.txt").write_text("x")
    with pytest.raises(OutputError, match=r"contains 'thesis.txt', which guanxi did not write"):
        parse_output_location(folder).check()
    (folder / "_manifest.json").write_text(json.dumps(MANIFEST))
    with pytest.raises(OutputError, match=r"contains 'thesis.txt', which guanxi did not write"):
        parse_output_location(folder).check()
    (folder / "thesis.txt").rename(folder / "part-00000.parquet")
    parse_output_location(folder).check()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file is a file"):
        parse_output_location(tmp_path / "file").check()


def test_a_folder_is_put_back_after_a_kill_between_two_renames(tmp_path: Path) -> None:
    location = parse_output_location(f"{tmp_path}/scores/")
    location.put(write_parts(location), MANIFEST)
    (tmp_path / "scores").rename(tmp_path / ".scores.old")
    location.check()
    assert names(tmp_path) == [".scores.old"]  # another job may be between its two renames
    parts = write_parts(location)
    (tmp_path / "in the way").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(location, "work_folder", tmp_path / "in the way")
        with pytest.raises(OutputError):
            location.put(parts, MANIFEST)
    assert "scores" in names(tmp_path)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("scores.xlsx", r"end the name in \.parquet or \.csv"),
        ("a.parquet.gz", r"end the name in \.parquet or \.csv"),
        ("s3://bucket/scores.parquet", "write to files, to duckdb"),
        ("ftp://me:secret@host/x", r"ftp://me:\*\*\*@host/x: write to files"),
        (".", "name a separate folder"),
        ("/", "name a separate folder"),
    ],
)
def test_outputs_that_are_none(output: str, message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        parse_output_location(output)


def test_a_database_without_a_table() -> None:
    with pytest.raises(SourceError, match="add the table to the address"):
        parse_output_location("duckdb://shop.db")


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "duckdb"])
def test_a_failure_in_the_middle_leaves_the_earlier_table(tmp_path: Path, name: str) -> None:
    output = f"duckdb://{tmp_path}/shop.db::t" if name == "duckdb" else f"{tmp_path}/{name}"
    location = parse_output_location(output)
    location.put(write_parts(location), MANIFEST)

    def content() -> object:
        if name == "duckdb":
            with duckdb.connect(str(tmp_path / "shop.db"), read_only=True) as connection:
                return connection.execute("FROM t").fetchall(), connection.execute(
                    "FROM t_manifest"
                ).fetchall()
        files = (path for path in tmp_path.rglob("*") if path.is_file() and ".partial" not in str(path))
        return {path: path.read_bytes() for path in files}

    earlier = content()
    parts = write_parts(location, 5.0)
    parts[1].write_bytes(parts[1].read_bytes()[:100])
    with pytest.raises(OutputError, match="cannot write"):
        location.put(parts, MANIFEST | {"rows": 5})
    assert content() == earlier


def test_duckdb_tables(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE SCHEMA crm; CREATE TABLE crm.scores AS SELECT 1 AS old; CREATE TABLE kept(x INT)"
        )
    location = parse_output_location(f"duckdb://{path}::crm.scores")
    location.check()
    location.put(write_parts(location), MANIFEST)
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("FROM crm.scores").fetchall()
        manifest = connection.execute("FROM crm.scores_manifest").fetchone()
        assert connection.execute("FROM kept").fetchall() == []
    assert [row[0] for row in rows] == ['a"b,c\n', "", "é", "007"]
    assert rows[2][3] == 2**60 + 1
    assert rows[1][1:3] == (None, None)
    assert manifest == ("0", 4, None, '{"missing_amount": 2}')


def test_duckdb_files_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_text("no database at all, but long enough to look at" * 100)
    with pytest.raises(OutputError, match=r"cannot write duckdb://.*no.db::t: "):
        parse_output_location(f"duckdb://{tmp_path}/no.db::t").check()
    location = parse_output_location(f"duckdb://{tmp_path}/new.db::nobody.t")
    parts = write_parts(location)
    with pytest.raises(OutputError, match="nobody"):
        location.put(parts, MANIFEST)
    assert not (tmp_path / "new.db").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow.parquet as pq
from guanxi.data.sinks import _database_tables, output_location

at = sys.argv[2]
def kill(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

if at == "manifest":
    output_location._manifest_text = kill
elif at == "second part":
    seen, read = [], pq.read_table
    def read_table(part, *rest, **more):
        seen.append(part)
        return read(part, *rest, **more) if len(seen) < 2 else kill()
    pq.read_table = read_table
elif at == "manifest table":
    _database_tables._row = kill
location = output_location.parse_output_location(sys.argv[1])
location.put(sorted(location.work_folder.glob("part-*.parquet")), {"rows": 4})
"""


@pytest.mark.parametrize(
    ("name", "at"), [("t.parquet", "second part"), ("t.csv", "manifest"), ("duckdb", "manifest table")]
)
@pytest.mark.slow
def test_killed_in_the_middle(tmp_path: Path, name: str, at: str) -> None:
    output = f"duckdb://{tmp_path}/shop.db::t" if name == "duckdb" else f"{tmp_path}/{name}"
    location = parse_output_location(output)
    location.put(write_parts(location), MANIFEST)
    write_parts(location, 5.0)
    done = subprocess.run([sys.executable, "-c", KILLED, output, at], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    manifest = tmp_path / f"{name}.manifest.json"
    if name == "duckdb":
        with duckdb.connect(str(tmp_path / "shop.db")) as connection:
            assert connection.execute("SELECT value, rows FROM t, t_manifest").fetchone()[0] == 0.1 + 0.2
    elif at == "manifest":
        # The file is the new one already: no manifest stands beside it that is not its own.
        assert pd.read_csv(tmp_path / name)["value"][0] == 5.0 + 0.2
        assert not manifest.exists()
    else:
        assert pd.read_parquet(tmp_path / name)["value"][0] == 0.1 + 0.2
        assert manifest.exists()
    location.put(sorted(location.work_folder.glob("part-*.parquet")), MANIFEST)
