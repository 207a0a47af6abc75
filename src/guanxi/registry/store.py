"""The MLflow store: where it is, and how it is opened."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guanxi.data.sources import first_line, redact
from guanxi.errors import RegistryError
from guanxi.params import MLflowParams

_FOLDER = "mlruns"
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}


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
    import mlflow
    import mlflow.pyfunc

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def open_store(params: MLflowParams) -> Store:
    """Open the store, and make it on first use.

    Raises
    ------
    RegistryError
        If the address does not answer or the folder cannot be written.
    """
    mlflow = import_mlflow()
    folder = None if params.tracking_uri else Path.cwd() / _FOLDER
    uri = params.tracking_uri or f"sqlite:///{folder}/mlflow.db"
    try:
        with _lock(folder):
            mlflow.set_tracking_uri(uri)
            mlflow.set_registry_uri(uri)
            client = mlflow.MlflowClient()
            experiment_id = _experiment(client, params.experiment, folder)
    except OSError as error:
        raise RegistryError(f"cannot write the MLflow store {folder}: {error.strerror}") from error
    except Exception as error:
        reason = redact(first_line(error))
        raise RegistryError(f"MLflow store {redact(uri)} cannot be opened: {reason}") from error
    return Store(uri, folder, experiment_id, params.registered_model, client)


@contextmanager
def quiet_warnings() -> Iterator[None]:
    """Keep MLflow's advice about its own interfaces from the user."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"mlflow\..*")
        yield


def _experiment(client: Any, name: str, folder: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = None if folder is None else (folder / "artifacts").as_uri()
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
