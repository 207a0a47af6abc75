"""The MLflow store: where it is and how it is opened. A local store is a SQLite database without a server."""

from __future__ import annotations

import dataclasses
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.errors import RegistryError
from guanxi.params import MLflowParams
from guanxi.params.tasks import MODEL_SUFFIXES, Task
from guanxi.registry import _local_store as local
from guanxi.registry import _postgres_lock
from guanxi.registry._run_log import close_killed_runs

ADDRESS_VARIABLE = "MLFLOW_TRACKING_URI"
_FOLDER, _DATABASE = "mlruns", "mlflow.db"
_NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
_ENVIRONMENT = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
_LOGGERS = ("mlflow", "alembic")
# What was set for MLflow, and the log levels before: see _restore_settings.
_set_by_us: list[str] = []
_levels: dict[str, int] = {}
_AT_ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
_UNREACHABLE = {
    "Connection refused": "connection refused",
    "Failed to resolve": "its host is not known",
    "timed out": "no answer in time",
}
_DATABASE_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql")


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


def task_store(store: Store, task: Task) -> Store:
    """Return the store with the registered model of a task, which has its own versions and champion.

    Its name is that of the model of purchases, with the suffix ``-labels`` or ``-contracts``.
    """
    return dataclasses.replace(store, registered_model=store.registered_model + MODEL_SUFFIXES[task])


def _import_mlflow() -> Any:
    """Import MLflow without telemetry, progress bars and log messages; keep the user's own settings."""
    for name, value in _NO_TELEMETRY.items():
        os.environ.setdefault(name, value)
    for name in _ENVIRONMENT.keys() - os.environ.keys():
        os.environ[name] = _ENVIRONMENT[name]
        _set_by_us.append(name)
    with _quiet_warnings():
        import mlflow
        import mlflow.pyfunc

    # mlflow 3.17 asks SQLAlchemy 2.1 for a loader strategy that it will drop; the filter is added once only.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"mlflow\.store\.")
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        _levels.setdefault(name, logger.level)
        logger.setLevel(logging.CRITICAL)  # errors are raised, and told in one line
    return mlflow


def _restore_settings() -> None:
    """Undo what :func:`_import_mlflow` set, except that telemetry stays off."""
    while _set_by_us:
        os.environ.pop(_set_by_us.pop(), None)
    while _levels:
        name, level = _levels.popitem()
        logging.getLogger(name).setLevel(level)


def open_store(params: MLflowParams, *, create: bool = True, write: bool = True) -> Store:
    """Open the store.

    Parameters
    ----------
    params : MLflowParams
    create : bool
        Create the store and its experiment on first use.
    write : bool
        Whether it must be writable. A local store that is not is opened without changing anything.

    Raises
    ------
    RegistryError
        If the address does not answer, the folder cannot be written, the experiment was deleted, or there is
        no store to open.
    """
    uri, database = store_uri(params), local_database(params)
    if database is not None:
        local.check_not_emptied(database)
        _check_folder(database, create)
        if local.is_read_only(database):
            if write:
                local.check_database(database)
            return _open_read_only(params, uri, database)
    mlflow = _import_mlflow()
    try:
        with _locked(uri), _answer_at_once():
            if database is not None:
                local.write_ahead(database)
                local.heal_moved(database)
            _check_database(uri)
            client = mlflow.MlflowClient(uri, uri)
            experiment_id = _experiment(client, params.experiment, uri, create)
            store = Store(uri, experiment_id, params.registered_model, client)
            close_killed_runs(store)
    except RegistryError:
        raise
    except OSError as error:
        raise RegistryError(f"cannot write the MLflow store {redact(uri)}: {error.strerror}") from error
    except Exception as error:
        raise RegistryError(f"{_cannot_open(params, uri)} ({_reason(error)})") from error
    return store


def _open_read_only(params: MLflowParams, uri: str, database: Path) -> Store:
    try:
        address = local.read_only_address(database)
        client = _import_mlflow().MlflowClient(address, address)
        found = _experiment(client, params.experiment, uri, create=False)
    except Exception as error:
        raise RegistryError(f"{_cannot_open(params, uri)} ({_reason(error)})") from error
    return Store(uri, found, params.registered_model, client)


def _cannot_open(params: MLflowParams, uri: str) -> str:
    given = "--tracking-uri" if params.tracking_uri else ADDRESS_VARIABLE
    advice = f"check {given} and that it runs" if _given(params) else "see guanxi doctor"
    return f"MLflow store {redact(uri)} cannot be opened: {advice}"


def _given(params: MLflowParams) -> str | None:
    """Return the address from the parameters, else from the environment as MLflow reads it."""
    return params.tracking_uri or os.environ.get(ADDRESS_VARIABLE) or None


def store_uri(params: MLflowParams) -> str:
    """Return the address of the store; that of a local store is absolute."""
    database, given = local_database(params), _given(params)
    if given is None:
        return f"sqlite:///{database}"
    if database is None:
        return given
    scheme, _, path = given.partition(":///")
    return f"{scheme}:///{database}{''.join(path.partition('?')[1:])}"


def local_database(params: MLflowParams) -> Path | None:
    """Return the file of a local store, which need not exist; None for a server."""
    given = _given(params)
    return Path.cwd() / _FOLDER / _DATABASE if given is None else local.database_file(given)


def check_store(params: MLflowParams) -> None:
    """Check before a job that its results can be stored; create no folder yet.

    Raises
    ------
    RegistryError
        As :func:`open_store`; also if the database is damaged, or its disk is full.
    """
    database = local_database(params)
    if database is not None:
        local.check_not_emptied(database)
    if database is not None and not database.exists():
        _check_folder(database, create=True)
        local.check_folder(database.parent)
        return
    if database is not None:
        local.check_database(database)
    store = open_store(params)
    with answering(store):
        location = store.client.get_experiment(store.experiment_id).artifact_location
    folder = local.local_folder(location)
    if folder is not None:
        local.check_folder(folder)


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


def _experiment(client: Any, name: str, uri: str, create: bool) -> str:
    """Return the experiment's identifier; empty if there is none and none is to be created."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None and create:
        try:
            return str(client.create_experiment(name, artifact_location=_artifacts(uri)))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found is None:
        return ""
    if create and found.lifecycle_stage == "deleted":
        raise RegistryError(_deleted_experiment(uri, name, found.experiment_id))
    return str(found.experiment_id)


def _deleted_experiment(uri: str, name: str, experiment_id: str) -> str:
    """Say how to go on after somebody deleted the experiment."""
    restore = f"mlflow experiments restore --experiment-id {experiment_id}"
    return (
        f"experiment {name} was deleted in the MLflow store: restore it with "
        f"{ADDRESS_VARIABLE}={redact(uri)} {restore}, or name another with --set mlflow.experiment=NAME"
    )


def _artifacts(uri: str) -> str | None:
    """Return where a new experiment keeps its files: next to a local database; None lets a server decide."""
    if not _is_database(uri):
        return None
    database = local.database_file(uri)
    folder = Path.cwd() / _FOLDER if database is None else database.parent
    return (folder / local.ARTIFACTS).as_uri()


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Let one process at a time create tables or move aliases.

    Uses a lock file next to a SQLite database, and PostgreSQL's advisory lock; there is none for a server.

    Raises
    ------
    RegistryError
        If another process holds it for ten minutes.
    """
    database = local.database_file(uri)
    with ExitStack() as stack:
        if database is not None:
            stack.enter_context(local.locked(local.lock_file(database)))
        elif uri.startswith("postgresql"):
            _postgres_lock.lock(stack.enter_context(_connected(uri)), redact(uri))
        yield
