"""A store with versions that were trained alike, but for what is wrong with some of them."""

from __future__ import annotations

import dataclasses
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest


def trained_twin(store: Any, served: Any) -> tuple[Any, pd.DataFrame]:
    """The twin of the first run, as it was fitted, and its held-out customers."""
    from guanxi.registry.twins import load_twin

    kept = load_twin(store, "1")
    window = kept.held_out(60)
    trees: dict[str, list[str]] = {}
    run = store.client.get_run(store.client.get_model_version("guanxi", "1").run_id)
    place = store.client.get_logged_model(run.data.tags["guanxi.twin"].removeprefix("models:/"))
    for file in sorted(Path(place.artifact_location.removeprefix("file://")).rglob("trees/*.txt")):
        trees.setdefault(file.stem.rpartition("-")[0], []).append(file.read_text("utf-8"))
    features = window.drop(columns=["customer_hash", "purchases", "spend", "churned"])
    return dataclasses.replace(
        served, as_of=date(1998, 5, 1), model=kept.model.served, trees=trees, features=features
    ), window


@pytest.fixture(scope="session")
def versions(
    copy_store: Callable[[Path, Path], None],
    first_run: Any,
    served: Any,
    quick_params: Any,
    tmp_path_factory: Any,
) -> Path:
    """A folder whose store has the first run's version 1 as champion, version 2 like it, and a worse one, 3.

    The third's twin expects far more churn, and half of the purchases.
    """
    from guanxi.params import MLflowParams
    from guanxi.registry import registration
    from guanxi.registry.log import TrainingRecord, log_training
    from guanxi.registry.store import open_store

    folder = tmp_path_factory.mktemp("versions")
    copy_store(first_run.folder, folder)
    with closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as connection, connection:
        # Other tests may have trained a second version there: the numbers go on from 1 here.
        for table in ("registered_model_aliases", "model_version_tags", "model_versions"):
            connection.execute(f"DELETE FROM {table} WHERE version != 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        store = open_store(MLflowParams())
        twin, window = trained_twin(store, served)
        churn, purchases = (twin.model.corrections[name] for name in ("churn", "purchases"))
        corrections = {
            **twin.model.corrections,
            "churn": dataclasses.replace(churn, level=churn.level + 1.5),
            "purchases": dataclasses.replace(purchases, level=purchases.level - 0.7),
        }
        worse = dataclasses.replace(twin.model, corrections=corrections)
        record = TrainingRecord(quick_params, "cdnow-sample", "digest", {}, None, {}, None, {60: window})
        for model in (twin.model, worse):
            run_id, uri = log_training(store, served, dataclasses.replace(twin, model=model), record)
            registration.make_candidate(store, registration.register(store, run_id, uri, {}), served)
    return folder


@pytest.fixture
def copied(
    copy_store: Callable[[Path, Path], None], versions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The store of :func:`versions` in a folder of the test's own, version 2 candidate."""
    from guanxi.params import MLflowParams
    from guanxi.registry.store import open_store

    copy_store(versions, tmp_path)
    monkeypatch.chdir(tmp_path)
    store = open_store(MLflowParams())
    store.client.set_registered_model_alias("guanxi", "candidate", "2")
    return store


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serve(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
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


@pytest.fixture(scope="session")
def mlflow_server() -> Callable[..., Any]:
    return serve
