"""``guanxi predict --new``: value of a customer who buys for the first time tomorrow."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from guanxi import __version__
from guanxi.data.relations.tables import read_relations
from guanxi.data.sinks.output_location import OutputLocation, parse_output_location
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, data_digest, read_transactions
from guanxi.errors import HistoryError
from guanxi.features.acquisition import acquisition_attributes, acquisitions
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs._parts import PartFolder, only_writer
from guanxi.jobs._scoring import Manifest
from guanxi.jobs.predict import _check_not_the_source, _Job
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params
from guanxi.params.python_advice import advises_in_python
from guanxi.pipeline.new_customers import new_customer_values
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone


@advises_in_python()
@leave_mlflow_alone()
def predict_new(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    progress: bool | Reporter = False,
) -> pd.DataFrame:
    """Value of a customer who buys for the first time on the day after ``as_of``, by group.

    Groups are the month of acquisition, the channel of the first order if the log has channels, and the
    attributes of the table ``relations.customers`` with 2 to 20 values. The purchase and spend models are
    the registered model's; how customers acquired so far differ from them is estimated from the source, with
    partial pooling of groups. No row after ``as_of`` is read.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path, optional
        Where to write the table as well: as in :func:`guanxi.predict`.
    model : str, optional
        MLflow address of a model; default: the champion, ``models:/guanxi@champion``.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    as_of : date or str, optional
        Default: the last day of the data.
    horizon_days : int, optional
        Days from the first purchase; default: as the model was trained.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Returns
    -------
    pandas.DataFrame
        One row for all customers and one per group; columns in ``docs/new-customers.md``.

    Raises
    ------
    ParamsError
        Also if the model was trained on labels.
    SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.predict_new("cdnow-sample", horizon_days=365)  # doctest: +SKIP
    """
    started, begin = datetime.now(UTC), time.monotonic()
    job = _Job(source, model, params, as_of, horizon_days, None, progress)
    job.reporter.expect(3)
    location = None if output is None else parse_output_location(output)
    if location is not None:
        location.check()
        _check_not_the_source(source, location)
    loaded = job.load().of_transactions(", which tell nothing of new customers: name a model of transactions")
    with job.reporter.step(f"read {source_name(source)}"):
        log = read_transactions(source, job.params.data)
    try:
        show_findings(log, job.reporter)
        with job.reporter.step("new customers"):
            table = _values(log, loaded, job)
        if location is not None:
            facts = {**_facts(log, loaded, table), "started": started.isoformat(timespec="seconds")}
            _write(table, location, facts, begin, job.reporter)
    finally:
        log.close()
    return table


def summary_text(table: pd.DataFrame) -> str:
    """Return the row of all customers in words."""
    row = table.iloc[0]
    about = f"a new customer as of {row['as_of']}: {row['expected_purchases']:.2f} repeat purchases within "
    about += f"{row['horizon_days']} days"
    if pd.isna(row["clv"]):
        return about
    ends = f"{row['clv_lower']:,.2f} to {row['clv_upper']:,.2f}"
    return f"{about}, worth {row['clv']:,.2f} on average ({ends}), first order included"


def _values(log: TransactionLog, loaded: LoadedTransactionModel, job: _Job) -> pd.DataFrame:
    as_of = last_day_used(log, job.params, job.reporter)
    customers = acquisitions(log, as_of)
    if customers.empty:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")
    if job.params.relations.customers.source is not None:
        relations = read_relations(job.params, log, only=["customers"])
        for warning in relations.warnings:
            job.reporter.warn(warning)
        attributes = acquisition_attributes(relations, as_of)
        customers = customers.merge(attributes, on="customer_id", how="left", validate="one_to_one")
    horizon_days = job.horizon_days or loaded.horizon_days
    table = new_customer_values(loaded.served, customers, as_of, horizon_days)
    return table.assign(model_version=loaded.version, as_of=as_of)


def _facts(log: TransactionLog, loaded: LoadedTransactionModel, table: pd.DataFrame) -> dict[str, Any]:
    """Fields of the manifest about the source and the table."""
    return {
        "guanxi": __version__,
        "model": source_name(loaded.uri),
        "model_version": loaded.version,
        "model_id": str(loaded.pyfunc.metadata.model_uuid),
        "source": log.source,
        "source_digest": data_digest(log),
        "as_of": table["as_of"].iloc[0].isoformat(),
        "horizon_days": int(table["horizon_days"].iloc[0]),
        "drivers": 0,
        "rows": len(table),
        "lines_read": log.lines_read,
        "lines_rejected": log.lines_read - log.lines_accepted,
        "rejected_by_rule": log.rejected_by_rule,
        "customers_without_purchase": log.customers_without_purchase,
    }


def _write(
    table: pd.DataFrame, location: OutputLocation, facts: dict[str, Any], begin: float, reporter: Reporter
) -> None:
    """Write the table and its manifest, whole or not at all."""
    with (
        reporter.step(f"write {location.name}", extra=True),
        only_writer(location.name, location.work_folder.with_suffix(".lock")),
    ):
        folder = PartFolder(location, {"new": True}, [len(table)])
        folder.open(reporter, resume=False)
        folder.write(0, pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata())
        manifest = Manifest(
            **facts,
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - begin, 1),
        )
        location.put(folder.parts, manifest.to_dict())
        folder.remove()
