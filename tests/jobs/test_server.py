"""A real ``mlflow server`` with its own artifact store: promotion and rollback through it, and without it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from guanxi.registry._local_store import _ADDRESSES


@pytest.fixture
def server_folder(copy_store: Callable[[Path, Path], None], versions: Path, tmp_path: Path) -> Path:
    """The store of ``versions`` as a server's own: clients see nothing of its folders."""
    copy_store(versions, tmp_path / "server")
    folder = tmp_path / "server" / "mlruns"
    old = (versions / "mlruns" / "artifacts").as_uri()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, 'mlflow-artifacts:')", (old,)
            )
        connection.execute("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'candidate'")
    return folder


@pytest.mark.slow
def test_promotion_and_rollback_through_a_server(server_folder, mlflow_server, command, tmp_path):
    with mlflow_server(server_folder) as (address, process):
        given = ("--tracking-uri", address)
        ended = command("promote", *given)
        assert ended.code == 0, ended.err
        assert "Version 2 of guanxi is champion; version 1" in ended.out
        ended = command("doctor", *given)
        assert ended.code == 0, ended.out
        assert "guanxi@previous   version 1 loads" in ended.out
        ended = command("rollback", *given)
        assert ended.code == 0, ended.err
        assert "Version 1 of guanxi is champion again" in ended.out
        ended = command("predict", "cdnow-sample", "-o", "scores.parquet", "--drivers", "0", *given)
        assert ended.code == 0, ended.err
        process.terminate()
        process.wait(30)
        ended = command("promote", *given)
        assert ended.code == 1
        assert (
            f"MLflow store {address} cannot be opened: check --tracking-uri and that it runs" in ended.error
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "scores.parquet",
        "scores.parquet.manifest.json",
        "server",
    ]
