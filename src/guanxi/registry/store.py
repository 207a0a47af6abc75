"""The MLflow store: where it is and how it is opened. A local store is a SQLite database without a server."""

from __future__ import annotations

import logging
import os
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from guanxi.data.sinks import files
from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.errors import OutputError, RegistryError
from guanxi.params import MLflowParams

_FOLDER, _DATABASE = "mlruns", "mlflow.db"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
_AT_ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_UNREACHABLE = {
    "Connection refused": "connection refused",
    "Failed to resolve": "its host is not known",
    "timed out": "no answer in time",
}
_DATABASE_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")
ARTIFACTS = "artifacts"
LOCK = ".lock"
# For PostgreSQL's advisory lock: any number, the same in all processes of guanxi.
_ADVISORY_LOCK = 7_209_361
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


@dataclass(frozen=True)
class Store:
    """An opened MLflow store.

    Attributes
    ----------
    uri : str
        Tracking and registry address, including any password.
    experiment_id : str
    registered_model : str
        Name of the registered model.
    client : mlflow.MlflowClient
    """

    uri: str
    experiment_id: str
    registered_model: str
    client: Any

    @property
    def shown_uri(self) -> str:
        """The address without its password."""
        return redact(self.uri)


def _import_mlflow() -> Any:
    """Import MLflow without telemetry, progress bars and log messages; keep the user's own settings."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # Each training is a separate run: do not continue the one that `mlflow run` started.
    os.environ.pop("MLFLOW_RUN_ID", None)
    with _quiet_warnings():
        import mlflow
        import mlflow.pyfunc

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def open_store(params: MLflowParams, *, create: bool = True) -> Store:
    """Open the store; create it on first use unless ``create`` is false.

    Raises
    ------
    RegistryError
        If the address does not answer, the folder cannot be written, or there is no store to open.
    """
    uri, database = store_uri(params), _database(params)
    if database is not None:
        _check_folder(database, create)
    mlflow = _import_mlflow()
    try:
        with _locked(uri), _answer_at_once():
            if database is not None:
                _write_ahead(database)
                _heal_moved(database)
            _check_database(uri)
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            client = mlflow.MlflowClient()
            experiment_id = _experiment(client, params.experiment, uri)
    except OSError as error:
        raise RegistryError(f"cannot write the MLflow store {redact(uri)}: {error.strerror}") from error
    except Exception as error:
        advice = "check --tracking-uri and that it runs" if params.tracking_uri else "see guanxi doctor"
        text = f"MLflow store {redact(uri)} cannot be opened: {advice} ({_reason(error)})"
        raise RegistryError(text) from error
    return Store(uri, experiment_id, params.registered_model, client)


def store_uri(params: MLflowParams) -> str:
    """Return the address of the store; that of a local store is absolute."""
    database, given = _database(params), params.tracking_uri
    if given is None:
        return f"sqlite:///{database}"
    if database is None:
        return given
    scheme, _, path = given.partition(":///")
    return f"{scheme}:///{database}{''.join(path.partition('?')[1:])}"


def _database(params: MLflowParams) -> Path | None:
    if params.tracking_uri is None:
        return Path.cwd() / _FOLDER / _DATABASE
    return database_file(params.tracking_uri)


def check_store(params: MLflowParams) -> None:
    """Check before a job that its results can be stored; create no folder yet.

    Raises
    ------
    RegistryError, OutputError
        As :func:`open_store`.
    """
    database = _database(params)
    if database is None:
        open_store(params)
        return
    _check_folder(database, create=True)
    try:
        files.check_output(database)
    except OutputError as error:
        reason = str(error).partition(";")[0]
        raise RegistryError(
            f"MLflow store {redact(store_uri(params))} cannot be opened: check --tracking-uri ({reason})"
        ) from error


@contextmanager
def answering(store: Store) -> Iterator[None]:
    """Turn a failed request to an open store into a one-line error.

    Raises
    ------
    RegistryError
    """
    import requests
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, requests.RequestException) as error:
        reason = _reason(error)
        raise RegistryError(
            f"MLflow store {store.shown_uri} did not complete the request: {reason}; check that it runs "
            "(guanxi doctor) and try again"
        ) from error


def _reason(error: Exception) -> str:
    """Give the reason for a failure; for a lost connection, without the chain of exceptions."""
    text = redact(first_line(error))
    return next((reason for sign, reason in _UNREACHABLE.items() if sign in text), text[:300])


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Hide MLflow's warnings about its own interfaces."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow\..*")
        yield


def _check_folder(database: Path, create: bool) -> None:
    folder = database.parent
    if set("?%") & set(str(folder)):
        raise RegistryError(
            f"MLflow cannot keep a store in {folder}: work in a folder without ? and % in its path, "
            "or give --tracking-uri"
        )
    if not create and not database.exists():
        raise RegistryError(
            f"there is no MLflow store in {folder}: run guanxi run or guanxi train in this folder first, "
            "or say where the store is with --tracking-uri"
        )


def _check_database(uri: str) -> None:
    """Connect to a database once, since MLflow would retry for an hour."""
    if _is_database(uri):
        import sqlalchemy

        with _connected(uri) as connection:
            sqlalchemy.inspect(connection).get_table_names()


def _is_database(uri: str) -> bool:
    return uri.partition("://")[0].partition("+")[0] in _DATABASE_SCHEMES


@contextmanager
def _connected(uri: str) -> Iterator[Any]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _answer_at_once() -> Iterator[None]:
    """Allow a server ten seconds to answer instead of the minutes that MLflow allows for uploads."""
    before = {name: os.environ[name] for name in _AT_ONCE if name in os.environ}
    os.environ.update(_AT_ONCE)
    try:
        yield
    finally:
        for name in _AT_ONCE:
            del os.environ[name]
        os.environ.update(before)


def _experiment(client: Any, name: str, uri: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(name, artifact_location=_artifacts(uri)))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return str(client.get_experiment_by_name(name).experiment_id)


def _artifacts(uri: str) -> str | None:
    """Return where a new experiment keeps its files: next to a local database; None lets a server decide."""
    if not _is_database(uri):
        return None
    database = database_file(uri)
    folder = Path.cwd() / _FOLDER if database is None else database.parent
    return (folder / ARTIFACTS).as_uri()


def database_file(uri: str) -> Path | None:
    """Return the absolute path of the file in a SQLite address; None for any other address.

    Examples
    --------
    >>> database_file("sqlite:////srv/mlruns/mlflow.db").as_posix()
    '/srv/mlruns/mlflow.db'
    >>> database_file("http://127.0.0.1:5000") is None
    True
    """
    scheme, separator, path = uri.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite":
        return None
    name = path.partition("?")[0]
    return Path.cwd() / name if name and name != ":memory:" else None


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Let one process at a time create tables or move aliases.

    Uses a lock file next to a SQLite database, and PostgreSQL's advisory lock; there is none for a server.
    """
    database = database_file(uri)
    with ExitStack() as stack:
        if database is not None:
            database.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(database.parent / LOCK))
        elif uri.startswith("postgresql"):
            # The lock is released with the connection, also if the process is killed.
            connection = stack.enter_context(_connected(uri))
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
        yield


def _write_ahead(database: Path) -> None:
    """Let SQLite write ahead, where the file system allows it: readers then do not block the writer."""
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _heal_moved(database: Path) -> None:
    """Update the artifact addresses of a local store whose folder was moved or copied: they are absolute."""
    folder = database.parent
    now = (folder / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        for old in _stale_addresses(connection, folder):
            for table, column in _ADDRESSES:
                moved = f"{column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                connection.execute(f"UPDATE {table} SET {moved}", (now, len(old) + 1, len(old), old))


def _stale_addresses(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """List the artifact addresses of experiments from before the store was moved here."""
    known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {table for table, _ in _ADDRESSES} <= known:
        return []
    rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    now, ending = (folder / ARTIFACTS).as_uri(), (Path("/") / folder.name / ARTIFACTS).as_uri()[7:]
    return [str(old) for (old,) in rows if str(old).endswith(ending) and old != now]
