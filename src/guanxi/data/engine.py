"""The embedded engine that holds one job's tables."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import ibis
import pandas as pd

from guanxi.errors import OutputError, ParamsError

SPILL_PREFIX = "guanxi-engine-"
_MOST_THREADS = 4  # each takes its share of the memory


def _connect(timezone: str = "UTC", memory: str | None = None) -> Any:
    """Open an in-memory DuckDB through ibis, in the data's time zone and without network access.

    Parameters
    ----------
    timezone : str
    memory : str, optional
        What its tables may take, such as ``1GB``: what is more goes to a temporary folder of its own, which
        ends with the connection. Default: four fifths of the machine's.

    Returns
    -------
    ibis.backends.duckdb.Backend

    Raises
    ------
    ParamsError
        If the engine does not know the time zone.
    """
    connection = ibis.duckdb.connect()
    # By default the engine would spill into the working folder, and leave the files there.
    folder = tempfile.mkdtemp(prefix=SPILL_PREFIX)
    weakref.finalize(connection, shutil.rmtree, folder, ignore_errors=True)
    connection.con.execute("SET temp_directory = $folder", {"folder": folder})
    if memory:
        connection.con.execute("SET memory_limit = $memory", {"memory": memory})
    # Several threads add floats in a different order each time: the same data would give different trees.
    connection.raw_sql("SET threads = 1")
    connection.raw_sql("SET autoinstall_known_extensions = false")
    connection.raw_sql("SET autoload_known_extensions = false")
    # In a notebook without ipywidgets the setting is off, and DuckDB refuses to touch it.
    if connection.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0]:
        connection.raw_sql("SET enable_progress_bar = false")
    try:
        connection.raw_sql(f"SET TimeZone = '{timezone}'")
    except duckdb.Error:
        raise ParamsError(
            f"data.timezone {timezone!r} is unknown to the engine: use a plain name such as Europe/London"
        ) from None
    return connection


@contextmanager
def _one_thread(connection: Any) -> Iterator[None]:
    """Let the engine work on one thread, so that sums over ordered rows are the same to the last bit.

    Several threads add up their parts in another order at each run: of 60,000 customers with 1.5 million
    purchases about 350 then differed in the last bits, and two threads took 1.1 s instead of 1.3 s.
    """
    with _threads(connection, 1):
        yield


@contextmanager
def _all_cores(connection: Any) -> Iterator[None]:
    """Let the engine work on all cores: for work whose result does not depend on the order of its parts."""
    with _threads(connection, min(os.cpu_count() or 1, _MOST_THREADS)):
        yield


@contextmanager
def _threads(connection: Any, count: int) -> Iterator[None]:
    before = connection.con.execute("SELECT current_setting('threads')").fetchone()[0]
    connection.raw_sql(f"SET threads = {count}")
    try:
        yield
    finally:
        connection.raw_sql(f"SET threads = {before}")


def execute_in_order(connection: Any, expression: Any) -> pd.DataFrame:
    """Execute on one thread: see :func:`_one_thread`."""
    with _one_thread(connection):
        table: pd.DataFrame = expression.execute()
    return table


@contextmanager
def explain_no_space() -> Iterator[None]:
    """Say what to do where the engine finds no room for its tables.

    Raises
    ------
    OutputError
    """
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
        text = str(error)
        if "No space left" in text or "max_temp_directory_size" in text or "offload" in text:
            place = tempfile.gettempdir()
            raise OutputError(
                f"the disk of {place} is full, where the engine puts what memory does not hold: "
                "free space, or name another folder in TMPDIR"
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            reason = text.splitlines()[0]
            raise OutputError(f"the engine's memory is too small for this data: {reason}") from error
        raise


def _check_timestamp_format(connection: Any, timestamp_format: str, section: str = "data") -> None:
    """Refuse a format, given in a section of the parameters, that the engine cannot read times with."""
    try:
        connection.con.execute("SELECT try_strptime('', ?)", [timestamp_format])
    except duckdb.Error:
        raise ParamsError(
            f"{section}.timestamp_format {timestamp_format!r} is no format: write it like %d/%m/%Y %H:%M"
        ) from None
