"""The MLflow store: where it is, and how it is opened."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.data import sinks
from guanxi.data.sources import first_line, redact
from guanxi.errors import RegistryError
from guanxi.params import MLflowParams

_FOLDER, _DATABASE = "mlruns", "mlflow.db"
_ARTIFACTS = "artifacts"
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
_AT_ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_DATABASE_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")


@dataclass(frozen=True)
class Store:
    """An opened MLflow store.

    Attributes
    ----------
    uri : str
        Tracking and registry address, with its password if it has one.
    folder : Path or None
        The local folder, where it is one.
    experiment_id : str
    registered_model : str
        Name of the registered model.
    client : mlflow.MlflowClient
    """

    uri: str
    folder: Path | None
    experiment_id: str
    registered_model: str
    client: Any

    @property
    def shown_uri(self) -> str:
        """The address without its password."""
        return redact(self.uri)


def import_mlflow() -> Any:
    """Import MLflow with telemetry, progress bars and chatter off; what the user set himself stays."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # The run that `mlflow run` began is not continued: trainings are runs of their own.
    os.environ.pop("MLFLOW_RUN_ID", None)
    with quiet_warnings():
        import mlflow
        import mlflow.pyfunc

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def open_store(params: MLflowParams, *, create: bool = True) -> Store:
    """Open the store, and make it on first use unless ``create`` is false.

    Raises
    ------
    RegistryError
        If the address does not answer, the folder cannot be written, or there is no store to open.
    """
    folder = None if params.tracking_uri else Path.cwd() / _FOLDER
    uri = params.tracking_uri or f"sqlite:///{folder}/{_DATABASE}"
    if folder is not None:
        _check_folder(folder, create)
    mlflow = import_mlflow()
    try:
        with _lock(folder), _answer_at_once():
            _check_database(uri)
            if folder is not None:
                heal_moved(folder)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            client = mlflow.MlflowClient()
            experiment_id = _experiment(client, params.experiment, folder)
    except OSError as error:
        raise RegistryError(f"cannot write the MLflow store {folder}: {error.strerror}") from error
    except Exception as error:
        reason = redact(first_line(error))[:200]
        raise RegistryError(
            f"MLflow store {redact(uri)} cannot be opened: check --tracking-uri and that it runs ({reason})"
        ) from error
    return Store(uri, folder, experiment_id, params.registered_model, client)


def check_store(params: MLflowParams) -> None:
    """Fail before the work where the store could not be used after it; no folder is made yet.

    Raises
    ------
    RegistryError, OutputError
        As :func:`open_store`.
    """
    if params.tracking_uri:
        open_store(params)
        return
    folder = Path.cwd() / _FOLDER
    _check_folder(folder, create=True)
    sinks.check_output(folder / _DATABASE)


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Keep MLflow's advice about its own interfaces from the user."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow\..*")
        yield


def heal_moved(folder: Path) -> None:
    """Point the artifacts of a local store to where its folder is now.

    MLflow writes their addresses in full, so that a moved or copied folder would still name its old place.
    """
    import sqlite3
    from contextlib import closing

    database, now = folder / _DATABASE, (folder / _ARTIFACTS).as_uri()
    if not database.exists():
        return
    with closing(sqlite3.connect(database)) as connection, connection:
        known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {table for table, _ in _ADDRESSES} <= known:
            return
        rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        for (old,) in rows:
            if not str(old).endswith(f"/{_FOLDER}/{_ARTIFACTS}") or old == now:
                continue
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (now, len(old) + 1, len(old), old),
                )


def _check_folder(folder: Path, create: bool) -> None:
    if set("?%") & set(str(folder)):
        raise RegistryError(
            f"MLflow cannot keep a store in {folder}: work in a folder without ? and % in its path, "
            "or give --tracking-uri"
        )
    if not create and not (folder / _DATABASE).exists():
        raise RegistryError(
            f"there is no MLflow store in {folder}: run guanxi run or guanxi train in this folder first, "
            "or say where the store is with --tracking-uri"
        )


def _check_database(uri: str) -> None:
    """Try a database once: MLflow would try for an hour, with ever longer pauses."""
    if uri.partition("://")[0].partition("+")[0] not in _DATABASE_SCHEMES:
        return
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        sqlalchemy.inspect(engine).get_table_names()
    finally:
        engine.dispose()


@contextmanager
def _answer_at_once() -> Iterator[None]:
    """Give a server ten seconds to answer, not the minutes that MLflow waits for a long upload."""
    before = {name: os.environ.get(name) for name in _AT_ONCE}
    os.environ.update(_AT_ONCE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _experiment(client: Any, name: str, folder: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if folder is None else (folder / _ARTIFACTS).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


@contextmanager
def _lock(folder: Path | None) -> Iterator[None]:
    """Let one process at a time make the tables: MLflow fails where two begin together."""
    if folder is None:
        yield
        return
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield
