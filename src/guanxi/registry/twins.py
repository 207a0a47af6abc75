"""Evaluation data of a version: its twin, and the holdout window that the twin has not seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source_table import first_line
from guanxi.data.temporary import temporary_folder
from guanxi.errors import RegistryError
from guanxi.registry.aliases import CHAMPION, read_aliases
from guanxi.registry.loaded_model import LoadedContractModel, LoadedTransactionModel, load_model
from guanxi.registry.store import Store, _quiet_warnings

TWIN = "twin"
TWIN_TAG, TWIN_DAY_TAG = "guanxi.twin", "guanxi.twin_as_of"
# Feature windows of the served model and its twin, in days.
WINDOW_TAGS = ("guanxi.window_days", "guanxi.twin_window_days")


@dataclass(frozen=True)
class Twin:
    """A version's twin in the registry.

    Attributes
    ----------
    version : str
        Version of the served model.
    model : LoadedTransactionModel or LoadedContractModel
    as_of : date
        The last day of its training data.
    """

    version: str
    model: LoadedTransactionModel | LoadedContractModel
    as_of: date
    _store: Store = field(repr=False)
    _run_id: str = field(repr=False)

    @property
    def interval(self) -> float:
        """Nominal coverage of its intervals."""
        return self.model.served.lifetime_value.interval

    def held_out(self, window_days: int) -> pd.DataFrame:
        """Features and outcomes of the held-out customers, see :func:`.held_out_customers`.

        Parameters
        ----------
        window_days : int
            The feature window.

        Raises
        ------
        RegistryError
            If they were not stored for this window, or are gone.
        """
        try:
            with temporary_folder() as folder, _quiet_warnings():
                path = self._store.client.download_artifacts(
                    self._run_id, _held_out_file(window_days), str(folder)
                )
                return pd.read_parquet(Path(path))
        except Exception as error:
            reason = redact(first_line(error))[:200]
            raise RegistryError(
                f"the held-out customers of version {self.version} have no features for windows of "
                f"{window_days} days ({reason})"
            ) from error


def load_twin(store: Store, version: str) -> Twin:
    """Load the twin of a version.

    Raises
    ------
    RegistryError
        If the version has none, or it cannot be loaded.
    """
    run_id, tags = _run(store, version)
    if TWIN_TAG not in tags:
        raise RegistryError(f"version {version} was trained without storing its twin")
    model = load_model(tags[TWIN_TAG], store)
    if not isinstance(model, LoadedTransactionModel | LoadedContractModel):
        raise RegistryError(f"the twin of version {version} was trained on {model.served.task}")
    return Twin(version, model, date.fromisoformat(tags[TWIN_DAY_TAG]), store, run_id)


def _held_out_file(window_days: int) -> str:
    """Path of the artifact with the features for a window."""
    return f"holdout/customers-{window_days}.parquet"


def run_tags(store: Store, version: str) -> dict[str, str]:
    """Tags of the run that trained a version."""
    return _run(store, version)[1]


def champion_windows(store: Store) -> set[int]:
    """Feature windows of the champion and its twin; empty without a champion."""
    champion = read_aliases(store).get(CHAMPION)
    if champion is None:
        return set()
    tags = _run(store, champion)[1]
    return {int(tags[name]) for name in WINDOW_TAGS if name in tags}


def _run(store: Store, version: str) -> tuple[str, dict[str, str]]:
    from mlflow.exceptions import MlflowException

    run_id = str(store.client.get_model_version(store.registered_model, version).run_id)
    try:
        return run_id, dict(store.client.get_run(run_id).data.tags)
    except MlflowException as error:
        raise RegistryError(f"the run that trained version {version} is gone from the store") from error
