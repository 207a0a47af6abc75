"""A source read into a transaction log, with its usability report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import Usability, assess, check_readable, day_after_the_data
from guanxi.errors import ParamsError
from guanxi.features.snapshots import MOST_CUSTOMERS
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params

if TYPE_CHECKING:
    from guanxi.data.spark.transactions import SparkLog

Engine = Literal["duckdb", "spark"]


@dataclass(frozen=True)
class OpenedLog:
    """A transaction log, whose engine runs until ``log.close()``.

    Attributes
    ----------
    log : TransactionLog
    as_of : date
        The last day used: that of the parameters, else the last day of the data.
    usability : Usability
    """

    log: TransactionLog
    as_of: date
    usability: Usability


def open_log(source: Source, params: Params, reporter: Reporter) -> OpenedLog:
    """Read a source and assess its usability."""
    with reporter.step(f"read {source_name(source)}"):
        log = read_transactions(source, params.data)
        as_of = params.as_of or log.last_day
        usability = assess(log, as_of, params.horizon_days)
    return OpenedLog(log, as_of, usability)


@contextmanager
def opened_log(source: Source, params: Params, reporter: Reporter, engine: Engine) -> Iterator[OpenedLog]:
    """Read a source with either engine, and assess its usability; the engine stops at the end.

    With Spark the log is a sample of the customers, and the usability that of the whole.
    """
    with ExitStack() as stack:
        if engine == "duckdb":
            opened = open_log(source, params, reporter)
            stack.callback(opened.log.close)
        else:
            whole, usability = stack.enter_context(opened_on_spark(source, params, reporter, engine))
            opened = OpenedLog(_sampled(whole, params, reporter), params.as_of or whole.last_day, usability)
            stack.callback(opened.log.close)
        yield opened


@contextmanager
def transactions_of(
    source: Source, params: Params, reporter: Reporter, engine: Engine
) -> Iterator[TransactionLog]:
    """Read a source as :func:`opened_log`, without an assessment."""
    with ExitStack() as stack:
        if engine == "duckdb":
            with reporter.step(f"read {source_name(source)}"):
                log = read_transactions(source, params.data)
        else:
            whole = stack.enter_context(_read_on_spark(source, params, reporter, engine))
            log = _sampled(whole, params, reporter)
        stack.callback(log.close)
        yield log


@contextmanager
def opened_on_spark(
    source: Source, params: Params, reporter: Reporter, engine: Engine
) -> Iterator[tuple[SparkLog, Usability]]:
    """Read a source with Spark, which stops at the end, and assess its usability.

    Raises
    ------
    ParamsError
        If the engine is another one, the source no address, or the task not purchases.
    SourceError, DataError, EngineError
    """
    with _read_on_spark(source, params, reporter, engine, count_repeated=True) as whole:
        with reporter.step("assess what the data can support", extra=True):
            usability = assess(whole, params.as_of or whole.last_day, params.horizon_days)
        yield whole, usability


@contextmanager
def _read_on_spark(
    source: Source, params: Params, reporter: Reporter, engine: Engine, *, count_repeated: bool = False
) -> Iterator[SparkLog]:
    from guanxi.data.spark import transactions
    from guanxi.data.spark.engine import check_spark, open_spark

    if engine != "spark":
        raise ParamsError(f"engine is {engine!r}: give 'duckdb' or 'spark'")
    if params.task != "purchases":
        raise ParamsError(
            f"--engine spark knows purchases only, not task={params.task}, one row per customer: "
            "leave --engine out, one machine is enough"
        )
    address = spark_address(source, "source")
    check_spark()
    transactions.check_source(address, params.data)
    with ExitStack() as stack:
        with reporter.step("start Spark", extra=True):
            running = stack.enter_context(open_spark(params.data.timezone))
        with reporter.step(f"read {source_name(address)}"):
            whole = transactions.read_transactions(
                running, address, params.data, count_repeated=count_repeated
            )
        yield whole


def _sampled(whole: SparkLog, params: Params, reporter: Reporter) -> TransactionLog:
    from guanxi.data.spark.sample import sample_customers

    with reporter.step("bring the customers to learn from here", extra=True):
        log = sample_customers(whole, params.as_of or whole.last_day, MOST_CUSTOMERS)
    if log.weight > 1.0:
        reporter.say(f"   a sample of {log.customers:,} customers, each for {log.weight:.3g} of the source")
    return log


def spark_address(given: object, what: str) -> str:
    """Return a path or an address as text.

    Raises
    ------
    ParamsError
    """
    if not isinstance(given, str | Path) or not str(given):
        raise ParamsError(f"the {what} {given!r} is not a path: name a Parquet file or folder")
    return str(given)


def show_findings(log: TransactionLog | SparkLog, reporter: Reporter) -> None:
    """Warn of what was found in a source, and refuse it if most of its lines could not be read.

    Raises
    ------
    DataError
    """
    for finding in log.findings:
        reporter.warn(str(finding))
    check_readable(log)


def last_day_used(log: TransactionLog | SparkLog, params: Params, reporter: Reporter) -> date:
    """Return the day of the parameters, else the last day of the data; warn if it is after their end."""
    day = params.as_of or log.last_day
    later = day_after_the_data(log, day)
    if later is not None:
        reporter.warn(str(later))
    return day


def source_name(source: Source) -> str:
    """Return an address without its password; ``the table`` for a table."""
    return redact(str(source)) if isinstance(source, str | Path) else "the table"
