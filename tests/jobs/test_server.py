"""A real ``mlflow server`` with its own artifact store: promotion and rollback through it, and without it."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from guanxi.registry.local_store import _ADDRESSES


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def mlflow_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Address and process of a server that hands artifacts out itself."""
    port = free_port()
    program = Path(sys.executable).with_name("mlflow")
    given = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    given += ["--host", "127.0.0.1", "--port", str(port)]
    given += [
        "--artifacts-destination",
        str(folder / "artifacts"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen([program, "server", *given], cwd=folder, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=1)
                break
            except OSError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.1)
        yield address, process
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture
def server_folder(versions: Path, tmp_path: Path) -> Path:
    """The store of ``versions`` as a server's own: clients see nothing of its folders."""
    folder = tmp_path / "server"
    shutil.copytree(versions / "mlruns", folder)
    old = (versions / "mlruns" / "artifacts").as_uri()
    with closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        for table, column in _ADDRESSES:
            connection.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, 'mlflow-artifacts:')", (old,)
            )
        connection.execute("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'candidate'")
    return folder


def test_promotion_and_rollback_through_a_server(server_folder, command, tmp_path):
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.parquet", "server"]
