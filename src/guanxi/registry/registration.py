"""Logged models on their way into the registry: register, test from there, alias."""

from __future__ import annotations

import numpy as np

from guanxi.errors import RegistryError
from guanxi.registry.aliases import appoint
from guanxi.registry.bundle import Fitted, example_rows
from guanxi.registry.loaded_model import load_model
from guanxi.registry.smoke_test import SMOKE_TEST
from guanxi.registry.store import Store


def register(store: Store, run_id: str, model_uri: str, tags: dict[str, str]) -> str:
    """Register a logged model as a new version, without an alias yet; return the version."""
    name = store.registered_model
    _make_registered_model(store)
    model_id = model_uri.removeprefix("models:/")
    return str(store.client.create_model_version(name, model_uri, run_id, tags, model_id=model_id).version)


def _make_registered_model(store: Store) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(store.registered_model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def make_candidate(store: Store, version: str, fitted: Fitted) -> str:
    """Give a version that passes the smoke test the alias ``candidate``; withdraw one that does not.

    Where there is no champion it becomes champion too. Returns the version that is champion.

    Raises
    ------
    RegistryError
        If it does not pass.
    """
    try:
        smoke_test(store, version, fitted)
    except BaseException:
        run_id = store.client.get_model_version(store.registered_model, version).run_id
        store.client.delete_model_version(store.registered_model, version)
        store.client.set_terminated(run_id, "FAILED")
        raise
    return appoint(store, version)


def smoke_test(store: Store, version: str, fitted: Fitted) -> None:
    """Load a version from the registry and compare its numbers with the package's.

    Raises
    ------
    RegistryError
        If it does not load or gives other numbers.
    """
    loaded = load_model(f"models:/{store.registered_model}/{version}")
    example = example_rows(fitted)
    served, own = loaded.predict(example), fitted.scorer.score(example)
    numeric = own.select_dtypes("number").columns
    if not np.allclose(served[numeric], own[numeric], rtol=1e-9, atol=0, equal_nan=True):
        raise RegistryError(
            f"version {version} gives other numbers from the registry than before: "
            "it was withdrawn, train again"
        )
    store.client.set_model_version_tag(store.registered_model, version, SMOKE_TEST, "passed")
