"""``guanxi doctor``: one line for what is well, and one with what to do for what is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest

from guanxi.data.sinks import file_sets
from guanxi.data.sinks.file_sets import finish, replaced_together


@pytest.fixture
def lines(command):
    """Run the command; give its exit code and its lines by subject."""

    def run(*arguments: str) -> tuple[int, dict[str, list[str]]]:
        ended = command("doctor", *arguments)
        found: dict[str, list[str]] = {}
        for line in ended.out.splitlines():
            if line.startswith(("ok ", "note ", "wrong ")):
                level, subject, text = line.split(maxsplit=2)
                found.setdefault(subject, []).append(f"{level}: {text}")
        return ended.code, found

    return run


def test_all_well(copied, lines):
    code, found = lines()
    assert code == 0, found
    assert found["guanxi@champion"] == ["ok: version 1 loads and passes its smoke test"]
    assert found["guanxi@candidate"] == ["ok: version 2 loads and passes its smoke test"]
    assert found["database"] == ["ok: intact; write-ahead log"]
    assert found["packages"][0].startswith("ok: ")


def test_no_store(lines, tmp_path):
    code, found = lines()
    assert code == 1
    assert "run guanxi train in this folder" in found["store"][0]
    assert list(tmp_path.iterdir()) == []


def test_a_moved_store_is_told_and_healed(copy_store, versions, lines, tmp_path):
    copy_store(versions, tmp_path)
    code, found = lines()
    assert code == 0
    assert f"moved here from {(versions / 'mlruns' / 'artifacts').as_uri()}" in found["artifacts"][0]
    assert "artifacts" not in lines()[1]


@pytest.mark.slow
def test_files_that_are_gone_and_work_that_was_interrupted(copied, lines, tmp_path):
    served = copied.client.get_model_version("guanxi", "2").source
    shutil.rmtree(served.removeprefix("file://"))
    copied.client.create_model_version("guanxi", served)
    killed = copied.client.create_run(copied.experiment_id).info.run_id
    (tmp_path / "models" / ".guanxi.old").mkdir(parents=True)
    (tmp_path / ".scores.parquet.partial").mkdir()
    (tmp_path / ".scores.parquet.partial" / "_plan.json").write_text("{}")
    (tmp_path / ".table.old").mkdir()
    code, found = lines()
    assert code == 1
    assert "files are gone from the store" in found["guanxi@candidate"][0]
    assert found["guanxi@champion"][0].startswith("ok: ")
    assert "never tested" in found["guanxi"][0]
    assert "1 marked as running" in found["runs"][0]
    address, advice = found["runs"][0].partition("MLFLOW_TRACKING_URI=")[2].split(" ", 1)
    assert address == copied.uri
    subprocess.run(
        [sys.executable, "-m", *advice.removesuffix(" removes one").split()],
        cwd=tmp_path / "models",
        env=os.environ | {"MLFLOW_TRACKING_URI": address},
        check=True,
        capture_output=True,
    )
    assert copied.client.get_run(killed).info.lifecycle_stage == "deleted"
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".guanxi.old"]
    assert found["export"] == ["wrong: interrupted: rename models/.guanxi.old to models/guanxi"]
    assert any("--resume" in each for each in found["leftover"])
    assert "wrong: .table.old: an earlier table, interrupted: rename it to table" in found["leftover"]


def replace(folder: Path, text: str) -> None:
    with replaced_together(folder) as new:
        (new / "metrics.json").write_text(text)
        (new / "report.html").write_text(text)


@pytest.mark.parametrize("place", ["output", "."])
@pytest.mark.slow
def test_files_of_which_only_some_were_replaced(copied, lines, tmp_path, monkeypatch, place):
    del copied
    folder = tmp_path / place
    replace(folder, "1")
    real = file_sets._move

    def killed_at_the_page(path, target):
        if target.name == "report.html":
            raise KeyboardInterrupt
        real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(file_sets, "_move", killed_at_the_page)
        with pytest.raises(KeyboardInterrupt):
            replace(folder, "2")
    code, found = lines()
    assert code == 1
    shown = "." if place == "." else "output"
    assert found["results"] == [
        f"wrong: {shown}: old and new files are mixed: repeat the command, or move "
        f"{Path(shown) / '.guanxi-files'}/* there"
    ]
    assert finish(folder)
    assert "results" not in lines()[1]
    assert (folder / "report.html").read_text() == "2"


def test_a_damaged_database(copied, lines, tmp_path):
    del copied
    database = tmp_path / "mlruns" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(database.read_bytes())
    content[8192:200_000] = b"\x7f" * (200_000 - 8192)
    database.write_bytes(content)
    code, found = lines()
    assert code == 1
    assert "backup" in found["database"][0]


def test_a_database_of_another_kind(lines, tmp_path):
    (tmp_path / "mlruns").mkdir()
    (tmp_path / "mlruns" / "mlflow.db").write_text("not a database, but long enough to be read as one" * 50)
    code, found = lines()
    assert code == 1
    assert "cannot be read" in found["database"][0]


def test_a_server_that_is_down(lines):
    code, found = lines("--tracking-uri", "http://me:secret@127.0.0.1:9")
    assert code == 1
    assert "check --tracking-uri and that it runs" in found["store"][0]
    assert "secret" not in str(found)


def test_packages_that_do_not_fit(lines, monkeypatch):
    versions = {"duckdb": "1.9.0"}
    real = metadata.version

    def version(name: str) -> str:
        if name == "shap":
            raise metadata.PackageNotFoundError
        return versions.get(name) or real(name)

    monkeypatch.setattr(metadata, "version", version)
    _, found = lines()
    assert found["duckdb"][0].startswith("wrong: 1.9.0 is installed, guanxi needs ")
    assert "pip install 'duckdb" in found["duckdb"][0]
    assert found["shap"][0].startswith("wrong: is not installed")
    assert Path("mlruns").exists() is False
