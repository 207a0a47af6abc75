"""Where a store is, how it is opened, and what others may do meanwhile."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pandas as pd
import pytest

from guanxi.params import MLflowParams, Params
from guanxi.registry import loaded_model
from guanxi.registry._local_store import database_file
from guanxi.registry._run_log import open_run
from guanxi.registry.aliases import read_aliases
from guanxi.registry.log import TrainingRecord, _log_dataset
from guanxi.registry.store import open_store, store_uri


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "sqlite:///{here}/mlruns/mlflow.db"),
        ("sqlite:///shop/mlflow.db", "sqlite:///{here}/shop/mlflow.db"),
        ("sqlite:////srv/mlflow.db?timeout=5", "sqlite:////srv/mlflow.db?timeout=5"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
    ],
)
def test_addresses_of_files_are_absolute(given, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert store_uri(MLflowParams(tracking_uri=given)) == expected.format(here=tmp_path)


def test_memory_is_no_file():
    assert database_file("sqlite:///:memory:") is None
    assert database_file("sqlite://") is None


def journal(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_readers_do_not_wait_for_a_writer(store):
    assert journal(database_file(store.uri)) == "wal"
    with closing(sqlite3.connect(database_file(store.uri))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE experiments SET name = name")
        assert read_aliases(store)["champion"] == "1"
        writer.rollback()


def test_runs_that_are_first_with_the_same_data_at_once_all_keep_it(tmp_path, monkeypatch):
    """MLflow looks whether a dataset is there, then adds it: of eight at once it refused five."""
    monkeypatch.chdir(tmp_path)
    store = open_store(MLflowParams())
    record = TrainingRecord(Params(), "shop.csv", "digest", {}, None, {})
    together = Barrier(8)

    def log(_):
        with open_run(store, {}) as run_id:
            together.wait()
            _log_dataset(store, run_id, pd.DataFrame({"T": [1.0]}), record)
        return store.client.get_run(run_id).inputs.dataset_inputs

    with ThreadPoolExecutor(8) as pool:
        logged = list(pool.map(log, range(8)))
    assert [[each.dataset.digest for each in inputs] for inputs in logged] == [["digest"]] * 8


def test_a_store_of_an_earlier_guanxi_gets_its_log_when_opened(copy_store, first_run, tmp_path, monkeypatch):
    copy_store(first_run.folder, tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    monkeypatch.chdir(tmp_path)
    open_store(MLflowParams(), create=False)
    assert journal(tmp_path / "mlruns" / "mlflow.db") == "wal"


def test_a_file_elsewhere_keeps_its_artifacts_beside_it_and_may_be_moved(
    copy_store, first_run, tmp_path, monkeypatch
):
    copy_store(first_run.folder, tmp_path / "shared")
    monkeypatch.chdir(tmp_path)
    opened = open_store(MLflowParams(tracking_uri="sqlite:///shared/mlruns/mlflow.db"), create=False)
    assert opened.uri == f"sqlite:///{tmp_path}/shared/mlruns/mlflow.db"
    where = opened.client.get_model_version_download_uri("guanxi", "1")
    assert where.startswith((tmp_path / "shared" / "mlruns" / "artifacts").as_uri())
    assert loaded_model.load_model("models:/guanxi@champion", opened).version == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]
