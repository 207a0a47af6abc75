"""The served model: one code file, a JSON document and the trees' texts, with its signature."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi import __version__
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry import embedding
from guanxi.registry.store import import_mlflow, quiet_warnings
from guanxi.served.driver_texts import driver_of

_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scipy")
_EXAMPLE_ROWS = 5
EXAMPLE = "example_predictions"

Fitted = FittedModels | FittedLabels


def log_bundle(
    fitted: Fitted,
    folder: Path,
    source: str,
    name: str = "model",
    profile: Mapping[str, Any] | None = None,
) -> Any:
    """Log the served model to the active MLflow run.

    Parameters
    ----------
    fitted : FittedModels or FittedLabels
    folder : Path
        An empty folder for the files on their way.
    source : str
        What it was trained on, without passwords.
    name : str
        Of the logged model: a run can hold several.
    profile : mapping, optional
        The training profile, which ``guanxi monitor`` compares with: :mod:`.monitoring.profile`.

    Returns
    -------
    mlflow.models.model.ModelInfo
    """
    mlflow = import_mlflow()
    artifacts = {"model": _write(folder / "model.json", json.dumps(document(fitted), indent=1))}
    if fitted.trees:
        artifacts["trees"] = _write_trees(folder / "trees", fitted.trees)
    if profile is not None:
        artifacts["profile"] = _write(folder / "profile.json", json.dumps(profile))
    code = _write(folder / "guanxi_model.py", served_code())
    example = example_rows(fitted)
    artifacts[EXAMPLE] = _write(folder / f"{EXAMPLE}.json", json.dumps(example_numbers(fitted), indent=1))
    with quiet_warnings():
        return mlflow.pyfunc.log_model(
            name=name,
            python_model=code,
            artifacts=artifacts,
            signature=signature(fitted),
            input_example=example,
            pip_requirements=requirements(fitted),
            metadata={"guanxi_version": __version__, "source": source, **_about(fitted)},
        )


def document(fitted: Fitted) -> dict[str, Any]:
    """Give the model's document with what a reader without guanxi wants to know: see docs/model.md.

    ``features`` names the driver that each feature belongs to, ``limits`` what the model has seen.
    """
    if isinstance(fitted, FittedLabels):
        limits: dict[str, Any] = {"customers": len(fitted.features)}
        return {**fitted.model, "warnings": fitted.warnings, "limits": limits}
    table = fitted.features
    history_days = int(table["T"].max()) + 1
    limits = {
        "customers": len(table),
        "repeat_customers": int((table["frequency"] > 0).sum()),
        "history_days": history_days,
        "window_days": fitted.window_days,
        # Twice as long a history is needed to measure a horizon on a held-out window.
        "longest_measurable_horizon_days": history_days // 2,
    }
    features = {name: driver_of(name) for name in fitted.scorer.features}
    return {**fitted.model, "features": features, "limits": limits}


def _about(fitted: Fitted) -> dict[str, Any]:
    """Say what a reader must know before the model is loaded."""
    if isinstance(fitted, FittedLabels):
        return {"task": fitted.model["task"]}
    model = fitted.model
    return {
        "as_of": model["as_of"],
        "window_days": fitted.window_days,
        "data": model["data"],
        "warnings": model["warnings"],
    }


def served_code() -> str:
    """Text of the served code file."""
    template = resources.files("guanxi.registry").joinpath("templates", "served.py.txt")
    return template.read_text(encoding="utf-8").format(
        version=__version__,
        lightgbm=f"lightgbm=={metadata.version('lightgbm')}",
        sources=_literals(embedding.embedded_modules()),
        texts=_literals(embedding.embedded_texts()),
    )


def _literals(texts: Mapping[str, str]) -> str:
    return "\n".join(f"    {name!r}: r'''{text}''',\n" for name, text in texts.items())


def example_rows(fitted: Fitted) -> pd.DataFrame:
    """Give a few real feature rows, without the customers' names."""
    return fitted.features[fitted.scorer.features].head(_EXAMPLE_ROWS).reset_index(drop=True)


def example_numbers(fitted: Fitted) -> dict[str, list[float | None]]:
    """Give the numbers that the model predicts for its example rows, column by column."""
    numbers = fitted.scorer.score(example_rows(fitted)).select_dtypes("number")
    return {
        str(name): [None if np.isnan(value) else float(value) for value in column]
        for name, column in numbers.items()
    }


def signature(fitted: Fitted) -> Any:
    """Signature of the served model: features in, prediction table out, defaults as trained."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    model = fitted.model
    given = [ParamSpec("drivers", "long", model["drivers"]["top"])]
    kinds = dict.fromkeys(fitted.scorer.features, "double")
    if isinstance(fitted, FittedLabels):
        kinds |= {each["name"]: "string" for each in model["attributes"] if each["categories"] is not None}
    else:
        value = model["lifetime_value"]
        given += [
            ParamSpec("as_of", "string", model["as_of"]),
            ParamSpec("horizon_days", "long", model["horizon_days"]),
            ParamSpec("annual_discount_rate", "double", value["annual_discount_rate"]),
            ParamSpec("interval", "double", value["interval"]),
        ]
    params = ParamSchema(given)
    inputs = Schema([ColSpec(kind, name) for name, kind in kinds.items()])
    with quiet_warnings():
        outputs = infer_signature(fitted.scorer.score(example_rows(fitted))).inputs
    return ModelSignature(inputs=inputs, outputs=outputs, params=params)


def requirements(fitted: Fitted) -> list[str]:
    """Pin the packages the served model needs, and only those."""
    names = (*_REQUIREMENTS, *(("lightgbm",) if fitted.trees else ()))
    return [f"{name}=={metadata.version(name)}" for name in names]


def _write_trees(folder: Path, trees: Mapping[str, Sequence[str]]) -> str:
    """Write a file ``NAME-SEED.txt`` for each booster."""
    folder.mkdir()
    for name, texts in trees.items():
        for seed, text in enumerate(texts):
            _write(folder / f"{name}-{seed}.txt", text)
    return str(folder)


def _write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
