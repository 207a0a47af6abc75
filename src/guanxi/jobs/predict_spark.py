"""``guanxi predict --engine spark``: score every known customer on a cluster."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from guanxi import __version__
from guanxi.data.sinks.output_location import FolderLocation
from guanxi.data.spark.engine import check_spark, open_spark
from guanxi.data.spark.output import FolderWriter, check_folder
from guanxi.data.spark.transactions import SparkLog, check_source, read_transactions
from guanxi.errors import HistoryError
from guanxi.features.behaviour import feature_expression
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name, spark_address
from guanxi.jobs._parts import only_writer
from guanxi.jobs._scoring import Manifest
from guanxi.jobs.predict import _load_checked
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.loaded_model import LoadedTransactionModel
from guanxi.registry.other_mlflow import leave_mlflow_alone
from guanxi.registry.spark import score


@advises_in_python()
@leave_mlflow_alone()
def predict_spark(
    source: str | Path,
    output: str | Path,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    drivers: int | None = None,
    progress: bool | Reporter = False,
) -> Manifest:
    """Score every customer known at ``as_of`` with Spark, and write the prediction table as Parquet.

    Parameters
    ----------
    source : str or path
        A path, glob or folder of Parquet, or an address of a file system that Spark knows.
    output : str or path
        A folder whose parts the workers write; an earlier result is replaced once this one is complete.
    model, params, as_of, horizon_days, drivers
        As in :func:`guanxi.predict`.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Returns
    -------
    Manifest
        Also written to the folder, as ``_manifest.json``.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError, EngineError

    Examples
    --------
    >>> from guanxi.jobs.predict_spark import predict_spark
    >>> predict_spark("sales/", "scores", drivers=3).rows  # doctest: +SKIP
    5873
    """
    started, begin = datetime.now(UTC), time.perf_counter()
    base = params if params is not None else load_params()
    resolved = override(base, {"as_of": as_of, "horizon_days": horizon_days, "drivers.top": drivers})
    horizon_days = None if horizon_days is None else resolved.horizon_days
    drivers = None if drivers is None else resolved.drivers.top
    reporter = reporter_of(progress)
    reporter.expect(4)
    source, output = spark_address(source, "source"), spark_address(output, "output")
    check_spark()
    check_source(source, resolved.data)
    check_folder(output)
    loaded = _load(model, resolved, reporter)
    with ExitStack() as stack:
        if "://" not in output:
            place = FolderLocation(Path(output))
            stack.enter_context(only_writer(place.name, place.work_folder.with_suffix(".lock")))
        with reporter.step("start Spark"):
            engine = stack.enter_context(open_spark(resolved.data.timezone))
        with reporter.step(f"read {source_name(source)}"):
            log = read_transactions(engine, source, resolved.data)
        show_findings(log, reporter)
        with reporter.step(f"score and write {output}"):
            day = last_day_used(log, resolved, reporter)
            scores = _scores(log, loaded, day, horizon_days, drivers)
            folder = FolderWriter(engine, output)
            stack.callback(folder.discard)
            rows = folder.write(scores)
            manifest = Manifest(
                guanxi=__version__,
                engine="spark",
                model=source_name(loaded.uri),
                model_version=loaded.version,
                model_id=str(loaded.pyfunc.metadata.model_uuid),
                source=log.source,
                source_digest=None,
                as_of=day.isoformat(),
                horizon_days=loaded.horizon_days if horizon_days is None else horizon_days,
                drivers=loaded.served.drivers.top if drivers is None else drivers,
                rows=rows,
                lines_read=log.lines_read,
                lines_rejected=sum(log.rejected_by_rule.values()),
                rejected_by_rule=log.rejected_by_rule,
                customers_without_purchase=log.customers_without_purchase,
                started=started.isoformat(timespec="seconds"),
                ended=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(time.perf_counter() - begin, 1),
            )
            folder.finish(manifest.to_dict())
    return manifest


def _scores(
    log: SparkLog, loaded: LoadedTransactionModel, as_of: date, horizon_days: int | None, drivers: int | None
) -> Any:
    if as_of < log.first_day:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")
    grain = log.params.event_grain
    features = feature_expression(log.events, log.lines, as_of, loaded.window_days, grain)
    loaded.check_features(set(features.columns) - (set() if log.has_amounts else {"monetary_value"}))
    frame = log.engine.frame(features)
    return score(frame, loaded, as_of=as_of.isoformat(), horizon_days=horizon_days, drivers=drivers)


def _load(model: str | None, params: Params, reporter: Reporter) -> LoadedTransactionModel:
    advice = ", one row per customer: leave --engine out, one machine is enough"
    loaded = _load_checked(model, params, reporter).of_transactions(advice)
    loaded = replace(loaded, language=params.language)
    reporter.say(f"   version {loaded.version}, trained on {loaded.source}")
    return loaded
