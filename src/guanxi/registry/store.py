"""The MLflow store: where it is, and how it is opened."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.data.sinks import files
from guanxi.data.sources.source_table import first_line, redact
from guanxi.errors import OutputError, RegistryError
from guanxi.params import MLflowParams
from guanxi.registry.local_store import ARTIFACTS, _heal_moved, _locked, _write_ahead, database_file

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


def _import_mlflow() -> Any:
    """Import MLflow with telemetry, progress bars and chatter off; what the user set himself stays."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    # The run that `mlflow run` began is not continued: trainings are runs of their own.
    os.environ.pop("MLFLOW_RUN_ID", None)
    with _quiet_warnings():
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
        reason = _reason(error)
        advice = "check --tracking-uri and that it runs" if params.tracking_uri else "guanxi doctor says more"
        raise RegistryError(f"MLflow store {redact(uri)} cannot be opened: {advice} ({reason})") from error
    folder = None if database is None else database.parent
    return Store(uri, folder, experiment_id, params.registered_model, client)


def store_uri(params: MLflowParams) -> str:
    """Give the address of the store, absolute where it is a local one."""
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
    """Fail before the work where the store could not be used after it; no folder is made yet.

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
    """Say in one line that a store which was opened does not answer any more, or refuses.

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
            f"MLflow store {store.shown_uri} did not do what was asked of it: {reason}; see that it runs "
            "(guanxi doctor) and try again"
        ) from error


def _reason(error: Exception) -> str:
    """Say why a store does not answer; of a lost connection without the layers it went through."""
    text = redact(first_line(error))
    return next((said for sign, said in _UNREACHABLE.items() if sign in text), text[:300])


@contextmanager
def _quiet_warnings() -> Iterator[None]:
    """Keep MLflow's advice about its own interfaces from the user."""
    import warnings

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
    """Where a new experiment keeps its files: beside a local database; a server decides for itself."""
    if uri.partition("://")[0].partition("+")[0] not in _DATABASE_SCHEMES:
        return None
    database = database_file(uri)
    folder = Path.cwd() / _FOLDER if database is None else database.parent
    return (folder / ARTIFACTS).as_uri()
