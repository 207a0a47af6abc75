"""Models in local folders, loaded without MLflow, whose import takes longer than to score a thousand rows.

What is not found, or not as this version writes it, is left to MLflow, which says what is wrong.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd

from guanxi.errors import RegistryError
from guanxi.params import MLflowParams, parse_yaml
from guanxi.registry import _local_store as local
from guanxi.registry.load_errors import STORE_SCHEMES, _check_description
from guanxi.registry.loaded_model import LoadedModel, LoadedTransactionModel, _read_served
from guanxi.registry.store import _import_mlflow, _quiet_warnings, local_database
from guanxi.served.model import ServedModel

_CODE, _NAME = "guanxi_model.py", "guanxi_without_mlflow"
_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
_ADDRESS = """
    SELECT version, coalesce(storage_location, source) FROM model_versions
    WHERE name = :name AND version = coalesce(:version, (
        SELECT version FROM registered_model_aliases WHERE name = :name AND alias = :alias
    ))
"""


@dataclass(frozen=True)
class DirectModel:
    """A model of purchases with what is used of ``mlflow.pyfunc.PyFuncModel``.

    Attributes
    ----------
    folder : pathlib.Path
    scorer : Scorer
        Of the version that trained it.
    metadata
        ``model_uuid, metadata`` and the parameters of the ``signature``.
    """

    folder: Path
    scorer: Any
    metadata: Any
    input_error: type[Exception] = field(repr=False)

    def predict(self, table: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Score a table.

        Raises
        ------
        RegistryError
            If the model cannot score it.
        """
        try:
            scores: pd.DataFrame = self.scorer.score(table, **(params or {}))
        except self.input_error as error:
            raise RegistryError(f"the model cannot score this: {error}") from error
        return scores

    def unwrap_python_model(self) -> Any:
        """Return the scorer, and the place of the training profile."""
        profile = self.folder / "artifacts" / "profile.json"
        return SimpleNamespace(scorer=self.scorer, profile=str(profile) if profile.exists() else None)

    @property
    def input_example(self) -> Any:
        """The stored example, read by MLflow."""
        with _quiet_warnings():
            return _import_mlflow().pyfunc.load_model(str(self.folder)).input_example


def load_directly(uri: str, params: MLflowParams | None = None) -> LoadedModel | None:
    """Load a model of purchases from a local store or folder; None where it takes MLflow.

    Parameters
    ----------
    uri : str
        As for :func:`.loaded_model.load_model`.
    params : MLflowParams, optional
        Where the store is.
    """
    version, folder = _place(uri, params)
    if folder is None or not (folder / _CODE).is_file():
        return None
    _check_description(uri, folder)
    try:
        model = _read(folder)
    except Exception:  # MLflow loads it, or says why not
        return None
    if model is None:
        return None
    served = _read_served(uri, folder)
    return LoadedTransactionModel(
        uri=uri,
        version=version or model.metadata.model_uuid,
        folder=folder,
        pyfunc=model,
        served=served,  # type: ignore[arg-type] # its task was looked at
        features=model.metadata.features,
        source=str(model.metadata.metadata["source"]),
    )


def _place(uri: str, params: MLflowParams | None) -> tuple[str, Path | None]:
    """Version and folder of a model on this machine."""
    if not uri.startswith(STORE_SCHEMES):
        return "", Path(uri) if "://" not in uri else None
    asked, database = _REGISTERED.fullmatch(uri), local_database(params) if params else None
    if asked is None or database is None or not database.is_file():
        return "", None
    try:
        with closing(local.connect_to_read(database)) as connection:
            if local.stale_addresses(connection, database.parent):
                return "", None
            found = connection.execute(_ADDRESS, asked.groupdict()).fetchone()
    except sqlite3.Error:
        return "", None
    return (str(found[0]), local.local_folder(found[1])) if found else ("", None)


def _read(folder: Path) -> DirectModel | None:
    """Run the model's code; None if it is of another task, or of a version that needs MLflow."""
    described = parse_yaml((folder / "MLmodel").read_text(encoding="utf-8"))
    code = (folder / _CODE).read_text(encoding="utf-8")
    if described["metadata"]["task"] != ServedModel.task or _NAME not in code:
        return None
    signature = {key: json.loads(text) for key, text in described["signature"].items() if text}
    metadata = SimpleNamespace(
        model_uuid=described["model_uuid"],
        metadata=described["metadata"],
        features=[each["name"] for each in signature["inputs"]],
        signature=SimpleNamespace(
            params=[SimpleNamespace(name=each["name"]) for each in signature["params"]]
        ),
    )
    module = ModuleType(_NAME)
    exec(compile(code, str(folder / _CODE), "exec"), module.__dict__)
    files = folder / "artifacts"
    artifacts = {path.stem: str(path) for path in files.iterdir()}
    return DirectModel(folder, module.load_scorer(artifacts), metadata, module.input_error())
