"""The served model: one code file, a JSON document and the trees' texts, with its signature.

The code file embeds the source of :mod:`guanxi.served` and imports it under a name unique to the version.
MLflow finds code that it copies (``code_paths``) or pickles by module name, so two versions loaded in one
process would share the code of one of them.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import metadata, resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi import __version__
from guanxi.pipeline.contracts import FittedContracts
from guanxi.pipeline.fit import FittedModels
from guanxi.pipeline.labelled import FittedLabels
from guanxi.registry.store import Store, _import_mlflow, _quiet_warnings
from guanxi.served.model import to_json

_REQUIREMENTS = ("mlflow", "numpy", "pandas", "scipy")
_EXAMPLE_ROWS = 5
_KINDS = {int: "long", float: "double", str: "string"}
EXAMPLE = "example_predictions"
DIGESTS = "digests"

Fitted = FittedModels | FittedLabels | FittedContracts


def log_bundle(
    store: Store,
    run_id: str,
    fitted: Fitted,
    folder: Path,
    source: str,
    name: str = "model",
    profile: Mapping[str, Any] | None = None,
) -> str:
    """Log the served model to a run; return its address.

    Parameters
    ----------
    store : Store
    run_id : str
    fitted : FittedModels, FittedLabels or FittedContracts
    folder : Path
        An empty folder for temporary files.
    source : str
        The training data, without passwords.
    name : str
        Name of the logged model; a run can hold several.
    profile : mapping, optional
        The training profile used by ``guanxi monitor``: :mod:`.monitoring.profile`.
    """
    from mlflow.models import Model

    artifacts = {"model": _write(folder / "model.json", json.dumps(to_json(fitted.model), indent=1))}
    if fitted.trees:
        artifacts["trees"] = _write_trees(folder / "trees", fitted.trees)
    if profile is not None:
        artifacts["profile"] = _write(folder / "profile.json", json.dumps(profile))
    artifacts[EXAMPLE] = _write(folder / f"{EXAMPLE}.json", json.dumps(example_numbers(fitted), indent=1))
    artifacts[DIGESTS] = _write(folder / f"{DIGESTS}.json", json.dumps(_digests(folder), indent=1))
    code = _write(folder / "guanxi_model.py", served_code())
    example = example_rows(fitted)
    with _logged_model(store, run_id, name) as (model_id, uploaded), _quiet_warnings():
        _import_mlflow().pyfunc.save_model(
            uploaded,
            mlflow_model=Model(run_id=run_id, model_id=model_id, model_uuid=model_id),
            python_model=code,
            artifacts=artifacts,
            signature=signature(fitted),
            input_example=example,
            pip_requirements=requirements(fitted),
            metadata={"guanxi_version": __version__, "source": source, **fitted.model.about},
        )
    return f"models:/{model_id}"


@contextmanager
def _logged_model(store: Store, run_id: str, name: str) -> Iterator[tuple[str, str]]:
    """Create a model of a run, with the run's values; yield its identifier and the folder to upload.

    ``mlflow.pyfunc.log_model`` does the same for the address and the run of MLflow's global state.
    """
    from mlflow.entities import LoggedModelOutput, Metric

    client, values = store.client, store.client.get_run(run_id).data
    model_id = client.create_logged_model(store.experiment_id, name, run_id, params=values.params).model_id
    measured = []
    if values.metrics:
        # They were logged at one time; the history of each would be a request.
        logged_at = client.get_metric_history(run_id, next(iter(values.metrics)))[0].timestamp
        measured = [
            Metric(key, value, logged_at, 0, model_id=model_id) for key, value in values.metrics.items()
        ]
    try:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
        client.log_batch(run_id, measured)
        with tempfile.TemporaryDirectory() as folder:
            uploaded = Path(folder, "model")
            yield model_id, str(uploaded)
            client.log_model_artifacts(model_id, str(uploaded))
    except BaseException:
        with suppress(Exception):  # the first error is the one to tell
            client.finalize_logged_model(model_id, "FAILED")
        raise
    client.finalize_logged_model(model_id, "READY")


def served_code() -> str:
    """Text of the served code file."""
    template = resources.files("guanxi.registry").joinpath("templates", "served.py.txt")
    served = resources.files("guanxi.served")
    texts = {file.name: file.read_text("utf-8") for file in served.iterdir() if file.name.endswith(".toml")}
    return template.read_text(encoding="utf-8").format(
        version=__version__,
        lightgbm=f"lightgbm=={metadata.version('lightgbm')}",
        sources=_literals(dict(_modules(served))),
        texts=_literals(texts),
    )


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each module's name relative to ``folder``, and its source; a package's ends in ``.__init__``."""
    for entry in folder.iterdir():
        if entry.joinpath("__init__.py").is_file():
            yield from _modules(entry, f"{prefix}{entry.name}.")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name.removesuffix(".py"), entry.read_text(encoding="utf-8")


def _literals(texts: Mapping[str, str]) -> str:
    return "\n".join(f"    {name!r}: r'''{text}''',\n" for name, text in sorted(texts.items()))


def example_rows(fitted: Fitted) -> pd.DataFrame:
    """Return a few real feature rows, without customer identifiers; numbers are floats, as MLflow asks."""
    rows = fitted.features[fitted.scorer.features].head(_EXAMPLE_ROWS).reset_index(drop=True)
    numbers = [name for name in rows if name not in fitted.model.text_features]
    return rows.astype(dict.fromkeys(numbers, "float64"))


def example_numbers(fitted: Fitted) -> dict[str, list[float | None]]:
    """Return the numeric predictions for the example rows, by column."""
    numbers = fitted.scorer.score(example_rows(fitted)).select_dtypes("number")
    return {
        str(name): [None if np.isnan(value) else float(value) for value in column]
        for name, column in numbers.items()
    }


def signature(fitted: Fitted) -> Any:
    """Signature of the served model: features in, prediction table out, defaults as trained."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    text, defaults = fitted.model.text_features, fitted.model.defaults
    params = ParamSchema([ParamSpec(name, _KINDS[type(value)], value) for name, value in defaults.items()])
    inputs = Schema(
        [ColSpec("string" if name in text else "double", name) for name in fitted.scorer.features]
    )
    with _quiet_warnings():
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


def _digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder, which the served code checks before it reads any."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def _write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)
