"""``guanxi predict``: score every known customer with a registered model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import singledispatch
from pathlib import Path

import pandas as pd

from guanxi import __version__
from guanxi.data.engine import explain_no_space
from guanxi.data.sinks.output_location import OutputLocation, parse_output_location
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, data_digest, read_transactions
from guanxi.errors import HistoryError, OutputError, ParamsError
from guanxi.features.snapshots import CUSTOMERS_AT_ONCE, FeatureChunks
from guanxi.jobs._contract_log import contract_day, open_contracts
from guanxi.jobs._drift import FeatureSample
from guanxi.jobs._only_purchases import valuing_purchases
from guanxi.jobs._opened_log import last_day_used, show_findings, source_name
from guanxi.jobs._parts import PartFolder, only_writer
from guanxi.jobs._predict_contracts import contract_scoring
from guanxi.jobs._predict_labels import labelled_scoring
from guanxi.jobs._scoring import Manifest, Scoring, as_arrow, scorers, side_by_side
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.params import Params, load_params, override
from guanxi.params.python_advice import advises_in_python
from guanxi.registry.direct import load_directly
from guanxi.registry.loaded_model import (
    LoadedContractModel,
    LoadedLabelModel,
    LoadedModel,
    LoadedTransactionModel,
    load_from_store,
)
from guanxi.registry.other_mlflow import leave_mlflow_alone

_ENGINE_MEMORY = "1GB"
# What determines the contents of a part: a resumed job must have the same values.
_DECISIVE = (
    "guanxi", "model_version", "model_id", "source_digest", "as_of", "horizon_days", "drivers", "chunks",
)  # fmt: skip


@advises_in_python()
@leave_mlflow_alone()
def predict(
    source: Source,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    drivers: int | None = None,
    progress: bool | Reporter = False,
) -> pd.DataFrame:
    """Score every customer known at ``as_of`` and return the prediction table.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path, optional
        Where to write the table as well, as in :func:`predict_to`.
    model : str, optional
        MLflow address of a model; default: the champion, ``models:/guanxi@champion``.
    params : Params, optional
        Default: ``params.yaml`` in the working folder, if any.
    as_of : date or str, optional
        Default: the last day of the data; no later row is read.
    horizon_days, drivers : int, optional
        Default: as the model was trained.
    progress : bool or Reporter
        True: steps on the standard error, as the commands show them.

    Returns
    -------
    pandas.DataFrame
        One row per customer; columns in docs/prediction-table.md.

    Raises
    ------
    ParamsError, SourceError, DataError, HistoryError, RegistryError, OutputError

    Examples
    --------
    >>> import guanxi
    >>> guanxi.predict("cdnow-sample", "scores.parquet", drivers=3)  # doctest: +SKIP
    """
    job = _Job(source, model, params, as_of, horizon_days, drivers, progress)
    job.reporter.expect(3 if output is None else 4)
    if output is None:
        scoring = _scoring(job.load(), job)
        try:
            with job.reporter.step("score") as step:
                return scoring.whole(step)
        finally:
            scoring.close()
    tables: list[pd.DataFrame] = []
    job.write(parse_output_location(output), resume=False, each=tables.append)
    return pd.concat(tables, ignore_index=True)


@advises_in_python()
@leave_mlflow_alone()
def predict_to(
    source: Source,
    output: str | Path,
    *,
    model: str | None = None,
    params: Params | None = None,
    as_of: date | str | None = None,
    horizon_days: int | None = None,
    drivers: int | None = None,
    resume: bool = False,
    progress: bool | Reporter = False,
) -> Manifest:
    """Score every customer known at ``as_of`` in parts, and write the prediction table.

    Memory use does not grow with the number of customers. Finished parts are kept in a hidden folder next to
    the output; the table appears once it is complete.

    Parameters
    ----------
    source : str, path or table
        As on the command line, or a table of transactions.
    output : path or str
        ``FILE.parquet`` or ``FILE.csv``; a name without an extension, or ending in ``/``, for a folder of
        Parquet files; ``duckdb://FILE::TABLE`` or ``postgres://HOST/DATABASE::TABLE``. Its manifest is next
        to it: ``FILE.parquet.manifest.json``, ``_manifest.json`` in the folder, or ``TABLE_manifest``.
    model, params, as_of, horizon_days, drivers, progress : optional
        As in :func:`predict`.
    resume : bool
        Resume an interrupted job: finished parts are not scored again.

    Raises
    ------
    ParamsError
        Also if the interrupted job had other settings.
    SourceError, DataError, HistoryError, RegistryError
    OutputError
        If the table cannot be written, or another process is writing it; an earlier one stays.

    Examples
    --------
    >>> from guanxi.jobs.predict import predict_to
    >>> predict_to("cdnow-sample", "duckdb://shop.db::scores").rows  # doctest: +SKIP
    2357
    """
    job = _Job(source, model, params, as_of, horizon_days, drivers, progress)
    job.reporter.expect(4)
    return job.write(parse_output_location(output), resume=resume)


class _Job:
    """A scoring job and its settings."""

    def __init__(
        self,
        source: Source,
        model: str | None,
        params: Params | None,
        as_of: date | str | None,
        horizon_days: int | None,
        drivers: int | None,
        progress: bool | Reporter,
    ) -> None:
        base = params if params is not None else load_params()
        given = {"as_of": as_of, "horizon_days": horizon_days, "drivers.top": drivers}
        self.params = override(base, given)
        self.reporter = reporter_of(progress)
        self.source = source
        # What is not given is as the model was trained, not as the parameters say.
        self.horizon_days = None if horizon_days is None else self.params.horizon_days
        self.drivers = None if drivers is None else self.params.drivers.top
        self._model = model

    def load(self) -> LoadedModel:
        """Load the model and tell which it is."""
        loaded = _load_checked(self._model, self.params, self.reporter)
        loaded = replace(loaded, language=self.params.language)
        self.reporter.say(f"   version {loaded.version}, trained on {loaded.source}")
        return loaded

    def write(
        self, location: OutputLocation, *, resume: bool, each: Callable[[pd.DataFrame], object] | None = None
    ) -> Manifest:
        """Score into a location; call ``each`` with each table."""
        started, begin = datetime.now(UTC), time.monotonic()
        location.check()
        _check_not_the_source(self.source, location)
        loaded = self.load()
        with only_writer(location.name, location.work_folder.with_suffix(".lock")):
            scoring = _scoring(loaded, self)
            facts = {
                "guanxi": __version__,
                "model_version": loaded.version,
                "model_id": str(loaded.pyfunc.metadata.model_uuid),
                **scoring.facts,
                "chunks": len(scoring.bounds) - 1,
            }
            sizes = [scoring.size(number) for number in range(len(scoring.bounds) - 1)]
            plan = {name: facts[name] for name in _DECISIVE} | scoring.also
            folder = PartFolder(location, plan, sizes)
            try:
                left = folder.open(self.reporter, resume=resume)
            except BaseException:  # the parts of another job stay as they are
                scoring.close()
                raise
            try:
                self._score(scoring, folder, left, each)
                manifest = Manifest(
                    model=source_name(loaded.uri),
                    rows=scoring.rows,
                    resumed_chunks=len(sizes) - len(left),
                    started=started.isoformat(timespec="seconds"),
                    ended=datetime.now(UTC).isoformat(timespec="seconds"),
                    seconds=round(time.monotonic() - begin, 1),
                    **facts,
                )
                with self.reporter.step(f"write {location.name}"):
                    location.put(folder.parts, manifest.to_dict())
            except BaseException:
                self._leave(folder)
                raise
            finally:
                scoring.close()
            folder.remove()
        return manifest

    def _score(
        self,
        scoring: Scoring,
        folder: PartFolder,
        left: Sequence[int],
        each: Callable[[pd.DataFrame], object] | None,
    ) -> None:
        with self.reporter.step("score") as step:
            for number, table in scoring.tables(left, step):
                folder.write(number, as_arrow(table, scoring.id_type))
                if each is not None:
                    each(table)

    def _leave(self, folder: PartFolder) -> None:
        """Keep and report the finished parts."""
        if not folder.done:
            folder.remove()
            return
        self.reporter.say(
            f"   {folder.done:,} of {len(folder.parts):,} parts are done and kept: continue with --resume"
        )


@singledispatch
def _scoring(loaded: LoadedModel, job: _Job) -> Scoring:
    """Read the customers that a model is to score."""
    raise NotImplementedError(loaded.served.task)


@_scoring.register
def _(loaded: LoadedLabelModel, job: _Job) -> Scoring:
    return labelled_scoring(loaded, job.source, job.params, job.horizon_days, job.drivers, job.reporter)


@_scoring.register
def _(loaded: LoadedTransactionModel, job: _Job) -> Scoring:
    with job.reporter.step(f"read {source_name(job.source)}"):
        log = read_transactions(job.source, job.params.data, memory=_ENGINE_MEMORY)
        try:
            show_findings(log, job.reporter)
            as_of = last_day_used(log, job.params, job.reporter)
            return _transaction_scoring(
                log, loaded, as_of, job.horizon_days, job.drivers, CUSTOMERS_AT_ONCE, job
            )
        except BaseException:
            log.close()
            raise


@_scoring.register
def _(loaded: LoadedContractModel, job: _Job) -> Scoring:
    log = open_contracts(job.source, job.params, job.reporter, memory=_ENGINE_MEMORY)
    try:
        day = contract_day(log, job.params, job.reporter)
        return contract_scoring(log, loaded, day, job.horizon_days, job.drivers)
    except BaseException:
        log.close()
        raise


def _check_not_the_source(source: Source, location: OutputLocation) -> None:
    """Refuse to replace the transactions by their predictions."""
    if not isinstance(source, str | Path):
        return
    output = getattr(location, "path", None)
    same_file = output and output.exists() and Path(source).exists() and output.samefile(source)
    if same_file or source_name(source) == location.name:
        raise OutputError(f"{location.name} is the source and would be replaced: choose another output")


def _load_checked(model: str | None, params: Params, reporter: Reporter) -> LoadedModel:
    """Load a model, by default the champion, and show its warnings; refuse one trained under other rules."""
    uri = str(model) if model is not None else f"models:/{params.registered_model}@champion"
    with reporter.step(f"load {source_name(uri)}"):
        loaded = load_directly(uri, params.mlflow) or load_from_store(uri, params.mlflow)
        _check_data_rules(loaded, params)
    for warning in loaded.warnings:
        reporter.warn(warning)
    return loaded


def _load_valuing(model: str | None, params: Params, reporter: Reporter) -> LoadedTransactionModel:
    """Load as :func:`_load_checked` does; refuse a model that does not value purchases."""
    return valuing_purchases(_load_checked(model, params, reporter), params)


def _check_data_rules(loaded: LoadedModel, params: Params) -> None:
    """Refuse data rules other than the model's, since its features would not be comparable."""
    for name, trained in loaded.data_rules.items():
        section, _, key = name.partition(".")
        asked = getattr(getattr(params, section), key)
        if asked != trained:
            raise ParamsError(
                f"model {source_name(loaded.uri)} was trained with {name}={trained}, not {asked}: "
                f"add --set {name}={trained}, or train a model with {asked}"
            )


def _score_customers(
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    as_of: date,
    horizon_days: int | None = None,
    drivers: int | None = None,
) -> pd.DataFrame:
    """Return the prediction table of every customer known at ``as_of``, ordered by ``customer_id``.

    Raises
    ------
    HistoryError
        If no customer had bought by then.
    """
    return _transaction_scoring(log, loaded, as_of, horizon_days, drivers).whole()


def _transaction_scoring(
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    as_of: date,
    horizon_days: int | None = None,
    drivers: int | None = None,
    customers_at_once: int = CUSTOMERS_AT_ONCE,
    job: _Job | None = None,
) -> Scoring:
    """Split the customers known at ``as_of`` into chunks, ordered by ``customer_id``.

    The user of a ``job`` is warned if they differ from the customers of the training.

    Raises
    ------
    HistoryError
        If no customer had bought by then.
    """
    with explain_no_space():
        features = FeatureChunks(log, as_of, loaded.window_days, customers_at_once)
    if features.bounds[-1] == 0:
        raise HistoryError(f"{log.source}: nobody had bought by {as_of}, the data begins on {log.first_day}")

    settings = {"as_of": as_of.isoformat(), "horizon_days": horizon_days, "drivers": drivers}

    def score(numbers: Sequence[int]) -> Iterator[pd.DataFrame]:
        customers = sum(features.bounds[number + 1] - features.bounds[number] for number in numbers)
        sample = FeatureSample(features.bounds[-1])
        with scorers(loaded, settings, customers) as at_work:
            for table in side_by_side(at_work, map(sample.take, features.ahead(numbers))):
                yield table.assign(model_version=loaded.version)
        if job is not None:
            sample.warn(loaded, as_of, job.params.monitor, job.reporter)

    facts = {
        "source": log.source,
        "source_digest": data_digest(log),
        "as_of": as_of.isoformat(),
        "horizon_days": loaded.horizon_days if horizon_days is None else horizon_days,
        "drivers": loaded.served.drivers.top if drivers is None else drivers,
        "lines_read": log.lines_read,
        "lines_rejected": log.lines_read - log.lines_accepted,
        "rejected_by_rule": log.rejected_by_rule,
        "customers_without_purchase": log.customers_without_purchase,
    }
    also = {"language": loaded.language or loaded.served.language}
    return Scoring(facts, features.bounds, features.id_type, score, also, log.close)
