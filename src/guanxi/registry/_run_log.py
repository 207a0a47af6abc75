"""MLflow runs written through the store's own client: MLflow's active run and addresses stay as they were."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from guanxi import __version__
from guanxi.data.processes import identity, is_alive

if TYPE_CHECKING:
    from guanxi.registry.store import Store

_HOST, _PROCESS, _PARENT = "guanxi.host", "guanxi.process", "mlflow.parentRunId"


@contextmanager
def open_run(
    store: Store,
    tags: Mapping[str, str],
    name: str | None = None,
    parent: str | None = None,
    started: float | None = None,
) -> Iterator[str]:
    """Open a run and yield its identifier; it ends as finished, or as failed with an exception.

    Parameters
    ----------
    store : Store
    tags : mapping
    name : str, optional
    parent : str, optional
        Default: the user's active run, if it is in this store.
    started : float, optional
        When the work began that is logged, in seconds since 1970; default: now.
    """
    from mlflow.tracking.context.registry import resolve_tags

    own = {"guanxi.version": __version__, _HOST: _host(), _PROCESS: identity()}
    parent = parent or _active_run(store)
    if parent is not None:
        own[_PARENT] = parent
    began = None if started is None else int(1000 * started)
    all_tags = resolve_tags({**own, **tags})
    run = store.client.create_run(store.experiment_id, start_time=began, tags=all_tags, run_name=name)
    run_id = str(run.info.run_id)
    try:
        yield run_id
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell
            store.client.set_terminated(run_id, "FAILED")
        raise
    store.client.set_terminated(run_id)


def log_values(
    store: Store, run_id: str, params: Mapping[str, Any], metrics: Mapping[str, float | None]
) -> None:
    """Log parameters and metrics; metrics that are None are omitted."""
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    store.client.log_batch(
        run_id,
        params=[Param(name, str(value)) for name, value in params.items()],
        metrics=[Metric(name, float(value), now, 0) for name, value in metrics.items() if value is not None],
    )


def running(store: Store) -> list[Any]:
    """List the runs of the experiment that are marked as running."""
    if not store.experiment_id:
        return []
    return list(store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'"))


def close_killed_runs(store: Store) -> None:
    """Mark the runs of this user's killed processes on this machine as killed, and say so."""
    killed = [
        run.info.run_id
        for run in running(store)
        if run.data.tags.get(_HOST) == _host() and not is_alive(run.data.tags.get(_PROCESS, ""))
    ]
    for run_id in killed:
        store.client.set_terminated(run_id, "KILLED")
    if killed:
        logging.getLogger("guanxi").warning(
            "%s still marked as running: marked as killed",
            "1 MLflow run of a killed process was"
            if len(killed) == 1
            else f"{len(killed)} MLflow runs of killed processes were",
        )


def _host() -> str:
    """User and machine: a system may hide the processes of other users."""
    return f"{os.getuid() if os.name == 'posix' else 0}@{socket.gethostname()}"


def _active_run(store: Store) -> str | None:
    """Return the user's active run if this store has it."""
    from mlflow.exceptions import MlflowException

    active = sys.modules["mlflow"].active_run()
    if active is None:
        return None
    try:
        return str(store.client.get_run(active.info.run_id).info.run_id)
    except MlflowException:
        return None
