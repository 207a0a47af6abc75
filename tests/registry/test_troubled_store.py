"""Stores that are locked, read-only, damaged, moved, or in which somebody deleted or killed something."""

from __future__ import annotations

import ctypes
import logging
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from guanxi.data.processes import identity
from guanxi.data.sinks.files import write_text
from guanxi.data.sinks.output_location import parse_output_location
from guanxi.errors import OutputError, ParamsError, RegistryError
from guanxi.params import MLflowParams, load_params
from guanxi.registry import _local_store, _run_log
from guanxi.registry.health import database_findings
from guanxi.registry.loaded_model import load_model
from guanxi.registry.store import _locked, check_store, open_store

pytestmark = pytest.mark.slow

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
HOLD = """
import sys
from pathlib import Path
from guanxi.registry._local_store import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""
PREDICT = """
import os
assert not os.access("mlruns", os.W_OK), "root may still write here"
import guanxi
from guanxi.jobs.doctor import doctor
print(len(guanxi.predict("cdnow-sample")))
print(*(f"{each.level} {each.subject} {each.text}" for each in doctor()), sep="\\n")
try:
    guanxi.train("cdnow-sample", horizon_days=60)
except guanxi.errors.RegistryError as error:
    print(error)
"""


@pytest.fixture
def here(copy_store, first_run, tmp_path, monkeypatch):
    """A copy of the first run's store, in the working folder."""
    copy_store(first_run.folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    return open_store(MLflowParams(), create=False)


def test_a_deleted_experiment_is_refused_before_any_fit(here):
    here.client.delete_experiment(here.experiment_id)
    with pytest.raises(RegistryError, match="experiment guanxi was deleted") as error:
        check_store(MLflowParams())
    address, command = str(error.value).partition("MLFLOW_TRACKING_URI=")[2].split(" ", 1)
    advised = [sys.executable, "-m", *command.partition(", or")[0].split()]
    subprocess.run(
        advised, env=os.environ | {"MLFLOW_TRACKING_URI": address}, check=True, capture_output=True
    )
    check_store(MLflowParams())


def test_an_experiment_deleted_meanwhile_does_not_keep_models_from_predicting(here):
    here.client.delete_experiment(here.experiment_id)
    store = open_store(MLflowParams(), create=False)
    assert load_model("models:/guanxi@champion", store).version == "1"


@pytest.mark.parametrize("key", ["experiment", "registered_model"])
@pytest.mark.parametrize("name", ["", " ", "a" * 600, "two\nlines"])
def test_names_that_mlflow_would_refuse(key, name):
    with pytest.raises(ParamsError, match=rf"parameter mlflow\.{key} = .* is not valid: write a name of"):
        load_params(None, [], {f"mlflow.{key}": name})


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", "it's"])
def test_model_names_that_no_address_can_hold(name):
    with pytest.raises(ParamsError, match="without / : @"):
        load_params(None, [], {"mlflow.registered_model": name})


def test_a_damaged_database_is_refused_before_any_fit(here, tmp_path):
    database = tmp_path / "mlruns" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(database.read_bytes())
    content[8192:200_000] = b"\x7f" * (200_000 - 8192)
    database.write_bytes(content)
    with pytest.raises(RegistryError, match=r"mlflow\.db is damaged .*: see guanxi doctor"):
        check_store(MLflowParams())


def emptied(database):
    database.write_bytes(b"")


def without_tables(database):
    database.unlink()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE gone (it INTEGER)")
        connection.execute("DROP TABLE gone")
    assert database.stat().st_size


@pytest.mark.parametrize(
    ("lose", "what"), [(emptied, "empty"), (without_tables, "empty"), (os.unlink, "gone")]
)
def test_a_database_that_was_lost_is_not_begun_anew_beside_its_models(
    copy_store, first_run, tmp_path, monkeypatch, lose, what
):
    copy_store(first_run.folder, tmp_path)
    monkeypatch.chdir(tmp_path)
    database = tmp_path / "mlruns" / "mlflow.db"
    for left in database.parent.glob("mlflow.db-*"):
        left.unlink()
    lose(database)
    before = database.exists() and database.read_bytes()
    told = (
        rf"mlflow\.db is {what}, though models of it lie in .*artifacts: restore the database from a backup"
    )
    for ask in (check_store, open_store, lambda params: open_store(params, create=False, write=False)):
        with pytest.raises(RegistryError, match=told):
            ask(MLflowParams())
    [finding] = database_findings(database)
    assert finding.level == "wrong"
    assert "restore the database from a backup" in finding.text
    assert (database.exists() and database.read_bytes()) == before


def test_a_full_disk_is_refused_before_any_fit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_local_store, "LEAST_FREE", 1024**5)
    with pytest.raises(RegistryError, match=r"only .* MiB are free"):
        check_store(MLflowParams())
    assert list(tmp_path.iterdir()) == []


def obey_permissions() -> None:
    """Give up the right of root to write everywhere; other users have none to give up."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


@pytest.mark.skipif(sys.platform != "linux", reason="rights are given up the way Linux does")
def test_a_store_that_can_only_be_read_predicts_and_does_not_train(here, tmp_path):
    store = tmp_path / "mlruns"
    with closing(sqlite3.connect(store / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for left in store.glob("mlflow.db-*"):
        left.unlink()
    before = sorted(tmp_path.rglob("*"))
    for path in (store, *store.rglob("*")):
        path.chmod(path.stat().st_mode & 0o555)
    try:
        done = subprocess.run(
            [sys.executable, "-B", "-c", PREDICT],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=obey_permissions,
        )
    finally:
        for path in (store, *store.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2357"
    assert any("can only be read: predictions work, trainings do not" in line for line in lines)
    assert not any(line.startswith("wrong") for line in lines), lines
    assert lines[-1].endswith("mlflow.db can only be read: get write permission")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_holder_of_a_lock_is_named(tmp_path, monkeypatch, caplog):
    path = tmp_path / "mlruns" / ".lock"
    monkeypatch.setattr(_local_store, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(_local_store, "LONGEST_SECONDS", 0.4)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(RegistryError, match=f"held for .* by process {process.pid}: "),
            _local_store.locked(path),
        ):
            pass
        assert f"waiting for {path}, which process {process.pid} holds" in caplog.text
        process.kill()
    with _local_store.locked(path):
        assert _local_store.holder(path) == f"process {os.getpid()}"


HOLD_IN_POSTGRES = """
import sys
from guanxi.registry.store import _locked
with _locked(sys.argv[1]):
    print("held", flush=True)
    input()
"""


@pytest.mark.postgres
def test_the_holder_of_a_lock_in_postgresql_is_named(postgres_server, monkeypatch, caplog):
    address = f"postgresql+psycopg://postgres:secret@{postgres_server}/postgres"
    monkeypatch.setattr(_local_store, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(_local_store, "LONGEST_SECONDS", 0.4)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD_IN_POSTGRES, address], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        holder = rf"guanxi, process {process.pid} on \S+ \(database session \d+\)"
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(RegistryError, match=f"by {holder}: end") as gave_up,
            _locked(address),
        ):
            pass
        assert re.search(rf"waiting for the lock of \S+, which {holder} holds", caplog.text)
        assert "secret" not in caplog.text + str(gave_up.value)
        process.kill()
    monkeypatch.setattr(_local_store, "SILENT_SECONDS", 20)
    caplog.clear()
    with _locked(address):
        assert not caplog.text


def test_runs_of_killed_processes_are_closed_and_those_of_others_left(here, caplog):
    def started(process: str, host: str) -> str:
        tags = {"guanxi.process": process, "guanxi.host": host}
        return here.client.create_run(here.experiment_id, tags=tags).info.run_id

    own = _run_log._host()
    dead, alive = started("1-1", own), started(identity(), own)
    elsewhere, unknown = started("1-1", "0@elsewhere"), here.client.create_run(here.experiment_id).info.run_id
    with caplog.at_level(logging.WARNING):
        open_store(MLflowParams(), create=False)
    status = {each: here.client.get_run(each).info.status for each in (dead, alive, elsewhere, unknown)}
    assert status == {dead: "KILLED", alive: "RUNNING", elsewhere: "RUNNING", unknown: "RUNNING"}
    assert "1 MLflow run of a killed process" in caplog.text


def test_a_training_names_its_process(store):
    run_id = store.client.get_model_version("guanxi", "1").run_id
    tags = store.client.get_run(run_id).data.tags
    assert tags["guanxi.host"] == _run_log._host()
    assert tags["guanxi.process"].split("-")[0].isdecimal()


def test_an_experiment_of_somebody_else_keeps_its_address(here, tmp_path):
    theirs = (tmp_path / "other" / "mlruns" / "artifacts").as_uri()
    other = here.client.create_experiment("theirs", artifact_location=theirs)
    run_id = here.client.create_run(other).info.run_id
    here.client.log_text(run_id, "text", "file.txt")
    again = open_store(MLflowParams(), create=False)
    assert again.client.get_experiment(other).artifact_location == theirs
    assert again.client.list_artifacts(run_id)[0].path == "file.txt"
    shutil.rmtree(tmp_path / "other")
    again = open_store(MLflowParams(), create=False)
    assert again.client.get_experiment(other).artifact_location == theirs


def test_a_figure_that_fails_is_left_out(here, caplog):
    import matplotlib.figure

    def broken() -> None:
        raise ValueError("max() arg is an empty sequence")

    def broken_when_rendered() -> matplotlib.figure.Figure:
        figure = matplotlib.figure.Figure()
        figure.text(0.5, 0.5, "$\\no such formula$")
        return figure

    with _run_log.open_run(here, {}) as run_id:
        figures = {
            "a.png": broken, "b.png": matplotlib.figure.Figure, "more/c.png": broken_when_rendered,
            "more/d.png": matplotlib.figure.Figure,
        }  # fmt: skip
        from guanxi.registry.log import _log_figures

        _log_figures(here, run_id, figures)
    assert [each.path for each in here.client.list_artifacts(run_id)] == ["b.png", "more"]
    assert [each.path for each in here.client.list_artifacts(run_id, "more")] == ["more/d.png"]
    assert "a.png was not drawn: max() arg is an empty sequence" in caplog.text
    assert "more/c.png was not drawn: " in caplog.text


def test_a_day_long_after_the_data_is_refused_before_any_fit(sample_log):
    from datetime import date

    from guanxi.data.usability import holdout_days
    from guanxi.errors import HistoryError

    assert holdout_days(sample_log, date(1998, 8, 28), 60) == 60
    with pytest.raises(HistoryError, match="the data end on 1998-06-30, so long before --as-of 1998-08-29"):
        holdout_days(sample_log, date(1998, 8, 29), 60)


class TestBehindALink:
    """The database is somewhere else, and ``mlruns`` or the file in it leads there."""

    @pytest.fixture(params=["folder", "file"])
    def linked(self, here, tmp_path, request):
        real = tmp_path / "real"
        (tmp_path / "mlruns").rename(real)
        if request.param == "folder":
            (tmp_path / "mlruns").symlink_to(real)
        else:
            (tmp_path / "mlruns").mkdir()
            (tmp_path / "mlruns" / "mlflow.db").symlink_to(real / "mlflow.db")
        return real

    def test_both_ways_to_it_have_one_lock(self, linked, tmp_path):
        way = tmp_path / "mlruns" / "mlflow.db"
        assert _local_store.lock_file(way) == _local_store.lock_file(linked / "mlflow.db")
        open_store(MLflowParams(), create=False)
        assert (linked / ".lock").exists()

    @pytest.mark.parametrize("way", ["mlruns", "real"])
    def test_no_output_replaces_it(self, linked, tmp_path, way):
        before = (linked / "mlflow.db").read_bytes()
        with pytest.raises(OutputError, match=r"is a SQLite database|is a symbolic link"):
            parse_output_location(f"duckdb://{tmp_path}/{way}/mlflow.db::runs").check()
        with pytest.raises(OutputError, match=r"is a SQLite database|is a symbolic link"):
            write_text("{}", tmp_path / way / "mlflow.db")
        assert (linked / "mlflow.db").read_bytes() == before
