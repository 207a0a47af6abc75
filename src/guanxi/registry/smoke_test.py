"""A version tested where it will be used: loaded from the registry, asked for its own example."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from guanxi.errors import RegistryError
from guanxi.registry.bundle import EXAMPLE
from guanxi.registry.loaded_model import LoadedModel, load_model
from guanxi.registry.store import Store, import_mlflow, quiet_warnings

SMOKE_TEST = "guanxi.smoke_test"
_RANGES = {
    "churn_probability": (0.0, 1.0),
    "probability_alive": (0.0, 1.0),
    "expected_purchases": (0.0, math.inf),
    "expected_spend": (0.0, math.inf),
    "clv": (0.0, math.inf),
    "clv_lower": (0.0, math.inf),
    "clv_upper": (0.0, math.inf),
}


def load_tested(store: Store, version: str) -> LoadedModel:
    """Load a version and compare what it says of its stored example with what it said when it was trained.

    Raises
    ------
    RegistryError
        If it does not load, or gives other numbers, or such as cannot be.
    """
    uri = f"models:/{store.registered_model}/{version}"
    loaded = load_model(uri)
    example = loaded.pyfunc.input_example
    if example is None:
        raise RegistryError(f"{uri} holds no example to test it with: train again")
    try:
        scores = loaded.predict(example)
    except RegistryError:
        raise
    except Exception as error:
        raise RegistryError(f"{uri} cannot score its own example: {str(error)[:200]}") from error
    found = _impossible(scores) or _different(scores, _stored(uri))
    if found:
        raise RegistryError(f"{uri} fails its smoke test: {found}; train again, or guanxi doctor says more")
    return loaded


def _impossible(scores: pd.DataFrame) -> str:
    """Name the first column with a number that cannot be."""
    for name, (least, most) in _RANGES.items():
        if name in scores and not scores[name].between(least, most).all():
            return f"{name} is not within {least:g} to {most:g}"
        if name in scores and not np.isfinite(scores[name]).all():
            return f"{name} is not finite"
    return ""


def _different(scores: pd.DataFrame, stored: pd.DataFrame | None) -> str:
    """Name the first column that is not as stored; older versions stored nothing."""
    if stored is None:
        return ""
    for name, before in stored.items():
        if name not in scores or not np.allclose(scores[name], before, rtol=1e-9, atol=1e-12, equal_nan=True):
            return f"{name} is not what it was when the model was trained"
    return ""


def _stored(uri: str) -> pd.DataFrame | None:
    mlflow = import_mlflow()
    with quiet_warnings():
        folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri))
    file = folder / "artifacts" / f"{EXAMPLE}.json"
    if not file.exists():
        return None
    return pd.DataFrame(json.loads(file.read_text(encoding="utf-8"))).astype(float)
