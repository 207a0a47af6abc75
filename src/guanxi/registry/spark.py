"""Scoring with a registered model in Spark's workers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa

from guanxi.registry.loaded_model import LoadedModel

_ID, _VERSION = "customer_id", "model_version"
_DATES = ("as_of", "next_purchase_date")
_SQL_TYPES = {pa.date32(): "date", pa.float64(): "double", pa.int64(): "bigint", pa.string(): "string"}

Batches = Iterator[pa.RecordBatch]


def score(frame: Any, loaded: LoadedModel, **params: Any) -> Any:
    """Score a Spark DataFrame of features in its workers; no row passes through this process.

    Parameters
    ----------
    frame : pyspark.sql.DataFrame
        ``customer_id`` and the model's features.
    loaded : LoadedModel
        The model; its files are sent to the workers, which need its ``requirements.txt`` and pyarrow.
    params
        As in the model's signature, None meaning as trained.

    Returns
    -------
    pyspark.sql.DataFrame
        The prediction table; computed when it is written.
    """
    loaded.check_features(frame.columns)
    given = loaded.given(params)
    schema = _output_schema(loaded, given)
    kinds = {field.name: _SQL_TYPES[field.type] for field in schema}
    kinds = {_ID: frame.schema[_ID].dataType.simpleString(), **kinds, _VERSION: "string"}
    rows = frame.select(_ID, *(frame[f"`{name}`"] for name in loaded.features))
    scoring = _scoring_function(_packed(loaded), given, loaded.version, schema)
    return rows.mapInArrow(scoring, ", ".join(f"`{name}` {kind}" for name, kind in kinds.items()))


def _packed(loaded: LoadedModel) -> bytes:
    """Pack the files of a loaded model into a zip archive."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(loaded.folder.rglob("*")):
            if path.is_file():
                out.write(path, path.relative_to(loaded.folder))
    return archive.getvalue()


def _scoring_function(
    archive: bytes, params: dict[str, Any], version: str, schema: pa.Schema
) -> Callable[[Batches], Batches]:
    """Return the function that each worker applies to its part of the rows.

    It imports nothing of guanxi, which the workers need not have. Each worker process loads the model once.
    """

    def load() -> Any:
        import hashlib
        import logging
        import os
        import sys
        import types
        import warnings

        # This module keeps the models for the lifetime of the worker process.
        models = vars(sys.modules.setdefault("_guanxi_on_spark", types.ModuleType("_guanxi_on_spark")))
        digest = hashlib.sha256(archive).hexdigest()
        if digest not in models:
            os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
            with TemporaryDirectory() as folder, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import mlflow.pyfunc

                logging.getLogger("mlflow").setLevel(logging.ERROR)
                zipfile.ZipFile(io.BytesIO(archive)).extractall(folder)
                models[digest] = mlflow.pyfunc.load_model(folder)
        return models[digest]

    def scored(batches: Batches) -> Batches:
        for batch in batches:
            if not batch.num_rows:
                continue
            model = load()
            table = model.predict(batch.to_pandas().drop(columns="customer_id"), params=params)
            columns = pa.RecordBatch.from_pandas(table, schema=schema, preserve_index=False).columns
            versions = pa.array([version] * batch.num_rows, pa.string())
            names = ["customer_id", *schema.names, "model_version"]
            yield pa.RecordBatch.from_arrays([batch["customer_id"], *columns, versions], names=names)

    return scored


def _output_schema(loaded: LoadedModel, params: dict[str, Any]) -> pa.Schema:
    """Find the columns of the model's output by scoring one row."""
    row = pd.DataFrame(0.0, index=[0], columns=loaded.features)
    table = loaded.predict(row, **params)
    return pa.schema([(name, _kind(name, table[name])) for name in table.columns])


def _kind(name: str, column: pd.Series) -> pa.DataType:
    if name in _DATES:
        return pa.date32()
    if pd.api.types.is_integer_dtype(column):
        return pa.int64()
    return pa.float64() if pd.api.types.is_float_dtype(column) else pa.string()
