"""Registration of logged models: register, test as loaded from the registry, set aliases."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from guanxi.errors import RegistryError
from guanxi.registry._bundle import EXAMPLE, Fitted, example_rows
from guanxi.registry.aliases import SMOKE_TEST, _appoint
from guanxi.registry.loaded_model import LoadedModel, load_model
from guanxi.registry.store import Store

_DESCRIPTION = (
    "Value, churn probability and their reasons for every customer, by guanxi. "
    "`champion` is the version in use, `candidate` the latest that works, `previous` the champion before. "
    "Each version's description says on what it was trained and how well it did on days it had not seen."
)


def register(store: Store, run_id: str, model_uri: str, tags: dict[str, str]) -> str:
    """Register a logged model as a new version, without an alias yet; return the version."""
    name, model_id = store.registered_model, model_uri.removeprefix("models:/")
    _make_registered_model(store)
    # MLflow would look the model's address up in the store of its global state, not in this one.
    source = store.client.get_logged_model(model_id).artifact_location
    return str(store.client.create_model_version(name, source, run_id, tags, model_id=model_id).version)


def _make_registered_model(store: Store) -> None:
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(store.registered_model, description=_DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def make_candidate(store: Store, version: str, fitted: Fitted, doubts: Sequence[str] = ()) -> str | None:
    """Give a version that passes the smoke test the alias ``candidate``; withdraw one that does not.

    If there is no champion yet and no ``doubts``, it becomes champion too. Returns the champion's version, or
    None if there is none.

    Raises
    ------
    RegistryError
        If it does not pass.
    """
    try:
        _smoke_test(store, version, fitted)
    except BaseException:
        run_id = store.client.get_model_version(store.registered_model, version).run_id
        store.client.delete_model_version(store.registered_model, version)
        store.client.set_terminated(run_id, "FAILED")
        raise
    return _appoint(store, version, "; ".join(doubts))


def _smoke_test(store: Store, version: str, fitted: Fitted) -> None:
    """Load a version from the registry and compare its predictions with the package's.

    Raises
    ------
    RegistryError
        If it does not load, or its predictions differ.
    """
    loaded = load_model(f"models:/{store.registered_model}/{version}", store)
    example = example_rows(fitted)
    served, own = loaded.predict(example), fitted.scorer.score(example)
    numeric = own.select_dtypes("number").columns
    if not np.allclose(served[numeric], own[numeric], rtol=1e-9, atol=0, equal_nan=True):
        raise RegistryError(
            f"version {version} gives other predictions from the registry than before: "
            "it was withdrawn, train again"
        )
    store.client.set_model_version_tag(store.registered_model, version, SMOKE_TEST, "passed")


def load_tested(store: Store, version: str) -> LoadedModel:
    """Load a version and compare its predictions for its stored example with those made in training.

    Raises
    ------
    RegistryError
        If it does not load, or its predictions differ or are impossible.
    """
    uri = f"models:/{store.registered_model}/{version}"
    loaded = load_model(uri, store)
    example = loaded.pyfunc.input_example
    if example is None:
        raise RegistryError(f"{uri} has no example to test it with: train again")
    try:
        scores = loaded.predict(example)
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(f"{uri} cannot score its own example: {str(error)[:200]}") from error
    found = _different(scores, loaded)
    if found:
        raise RegistryError(f"{uri} fails its smoke test: {found}; train again, or see guanxi doctor")
    return loaded


def _different(scores: pd.DataFrame, loaded: LoadedModel) -> str:
    """Describe the first column that differs from the stored predictions, if any."""
    stored = json.loads((loaded.folder / "artifacts" / f"{EXAMPLE}.json").read_text(encoding="utf-8"))
    for name, before in pd.DataFrame(stored).astype(float).items():
        if name not in scores or not np.allclose(scores[name], before, rtol=1e-9, atol=1e-12, equal_nan=True):
            return f"{name} differs from its values in training"
    return ""
