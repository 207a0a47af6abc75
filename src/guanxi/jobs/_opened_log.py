"""A source read into a transaction log, with its usability report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from guanxi.data.sources.redaction import redact
from guanxi.data.sources.source import Source
from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import Usability, assess, check_readable, day_after_the_data
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params

if TYPE_CHECKING:
    from guanxi.data.spark.transactions import SparkLog

#: Name of a source that has no address.
THE_TABLE = "the table"


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
    return redact(str(source)) if isinstance(source, str | Path) else THE_TABLE
