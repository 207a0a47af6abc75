"""``guanxi predict``: score every known customer with a registered model."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd

from guanxi.data import sinks
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.errors import HistoryError, ParamsError
from guanxi.features.snapshots import features_at
from guanxi.jobs.predict_labels import score_labelled
from guanxi.jobs.progress import Progress
from guanxi.jobs.validate import source_name
from guanxi.params import Params, load_params, override
from guanxi.registry.models import STORE_SCHEMES, LoadedModel, load_model
from guanxi.registry.store import open_store


def predict(
    source: str | pd.DataFrame,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    drivers: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score every customer known at ``as_of`` and return the prediction table.

    Parameters
    ----------
    source : str or pandas.DataFrame
        As on the command line, or a table of transactions.
    output : path, optional
        Where to write the table too: ``.parquet`` or ``.csv``.
    model : str, optional
        MLflow address of a model; default: the champion, ``models:/guanxi@champion``.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    as_of : date or str, optional
        Default: the last day of the data; no later row is read.
    horizon_days, drivers : int, optional
        Default: as the model was trained.

    Returns
    -------
    pandas.DataFrame
        One row per customer; columns in the README.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.predict("cdnow-sample", "scores.parquet", drivers=3)  # doctest: +SKIP
    """
    base = params if params is not None else load_params()
    resolved = override(base, {"as_of": as_of, "horizon_days": horizon_days, "drivers.top": drivers})
    progress = progress or Progress()
    path = None if output is None else Path(output)
    if path is not None:
        sinks.check_table_name(path)
        sinks.check_output(path)
    loaded = load_checked(model, resolved, progress)
    progress.say(f"   version {loaded.version}, trained on {loaded.source}")
    for warning in loaded.warnings:
        progress.warn(warning)
    if loaded.attributes:
        _check_no_horizon(loaded, horizon_days)
        table = score_labelled(source, loaded, resolved, drivers, progress)
    else:
        table = _score_transactions(source, loaded, resolved, horizon_days, drivers, progress)
    if path is not None:
        with progress.step(f"write {path}"):
            sinks.write_table(table, path)
    return table


def _score_transactions(
    source: str | pd.DataFrame,
    loaded: LoadedModel,
    params: Params,
    horizon_days: int | None,
    drivers: int | None,
    progress: Progress,
) -> pd.DataFrame:
    with progress.step(f"read {'the table' if isinstance(source, pd.DataFrame) else source_name(source)}"):
        log = read_transactions(source, params.data)
    with progress.step("score"):
        table = score_customers(log, loaded, params.as_of or log.last_day, horizon_days, drivers)
        log.close()
    return table


def _check_no_horizon(loaded: LoadedModel, horizon_days: int | None) -> None:
    if horizon_days is not None:
        raise ParamsError(
            f"model {source_name(loaded.uri)} was trained on labels and knows no horizon: leave --horizon out"
        )


def load_checked(model: str | None, params: Params, progress: Progress) -> LoadedModel:
    """Load a model, by default the champion, that was trained under the rules the data will be read under."""
    uri = model or f"models:/{params.mlflow.registered_model}@champion"
    with progress.step(f"load {source_name(uri)}"):
        if uri.startswith(STORE_SCHEMES):
            open_store(params.mlflow, create=False)
        loaded = load_model(uri)
        _check_policies(loaded, params)
    return loaded


def _check_policies(loaded: LoadedModel, params: Params) -> None:
    """Refuse to read data under other rules than the model's: its features would mean something else."""
    for name, trained in loaded.policies.items():
        asked = getattr(params.data, name)
        if asked != trained:
            raise ParamsError(
                f"model {source_name(loaded.uri)} was trained with data.{name}={trained}, not {asked}: "
                f"add --set data.{name}={trained}, or train a model with {asked}"
            )


def score_customers(
    log: TransactionLog,
    loaded: LoadedModel,
    as_of: date,
    horizon_days: int | None = None,
    drivers: int | None = None,
) -> pd.DataFrame:
    """Give the prediction table of every customer known at ``as_of``, in the order of ``customer_id``.

    Raises
    ------
    HistoryError
        If nobody had bought by then.
    """
    features = features_at(log, as_of, loaded.window_days)
    if features.empty:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")
    scores = loaded.predict(features, as_of=as_of.isoformat(), horizon_days=horizon_days, drivers=drivers)
    scores.insert(0, "customer_id", features["customer_id"].to_numpy())
    return scores.assign(model_version=loaded.version)
