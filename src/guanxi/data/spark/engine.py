"""Spark as the engine for data too large for one machine: its session, and ibis on it.

Differences from DuckDB are handled here; rules and features are the same expressions on both.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
import sqlglot as sg
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

from guanxi.data.sources.source_table import first_line
from guanxi.data.temporary import temporary_folder
from guanxi.errors import EngineError

_JAVA = 17
# If any of these is set, the user has configured Spark, and this module sets nothing.
_CONFIGURED = ("PYSPARK_GATEWAY_PORT", "PYSPARK_SUBMIT_ARGS", "SPARK_CONF_DIR", "SPARK_HOME")
_ONE_MACHINE = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Spark's default of 200 partitions costs seconds per step; too few partitions would not fit into memory.
    "spark.sql.shuffle.partitions": "32",
    "spark.ui.enabled": "false",
}
_ROWS_PER_BATCH = 50_000  # large enough for speed, small enough for memory
_ROWS_PER_PART = 1_000_000


class _Compiler(PySparkCompiler):  # type: ignore[misc]
    """Translations to Spark SQL that ibis 12 lacks."""

    def visit_DateDelta(self, op: Any, *, left: Any, right: Any, part: Any) -> Any:  # noqa: N802
        """Count the days between two dates."""
        return self.f.datediff(left, right)

    def visit_IsInf(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        """Compare in SQL; ibis 12 compares the expressions in Python, which is never true."""
        return sg.or_(arg.eq(self.POS_INF), arg.eq(self.NEG_INF))

    # ibis treats NaN as null on Spark; the rules distinguish them.
    visit_IsNull = SQLGlotCompiler.visit_IsNull  # noqa: N815
    visit_NotNull = SQLGlotCompiler.visit_NotNull  # noqa: N815

    def __sql_name__(self, op: Any) -> str:
        """Use Spark's name of a function; its 64-bit hash, as with 32 bits many lines would collide."""
        name: str = super().__sql_name__(op)
        return {"hash": "xxhash64", "trim": "btrim"}.get(name, name)


class _SparkEngine:
    """A Spark session with ibis on it.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Not shared, since its settings are changed.
    timezone : str
        Time zone of the data.
    """

    def __init__(self, session: Any, timezone: str) -> None:
        self.session = session
        self._kept: list[Any] = []
        self._ibis = ibis.pyspark.connect(session)
        self._ibis.compiler = _Compiler()
        # ibis has set the time zone to UTC.
        session.conf.set("spark.sql.session.timeZone", timezone)
        session.conf.set("spark.sql.timestampType", "TIMESTAMP_NTZ")
        session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(_ROWS_PER_BATCH))

    def frame(self, expression: Any) -> Any:
        """Convert an ibis table expression to a lazy Spark DataFrame."""
        return self.session.sql(self._ibis.compile(expression))

    def rows(self, expression: Any) -> pd.DataFrame:
        """Collect a small table."""
        frame = self.frame(expression)
        return pd.DataFrame(map(tuple, frame.collect()), columns=frame.columns)

    def fetch(self, expression: Any) -> pd.DataFrame:
        """Collect a table of up to some millions of rows."""
        table: pd.DataFrame = self.frame(expression).toArrow().to_pandas()
        return table

    def parts(self, expression: Any, rows: int) -> Iterator[pa.Table]:
        """Collect a kept table part by part, each of about a million rows; ``rows`` is their number.

        All at once they would have to fit into Java's memory.
        """
        frame = self.frame(expression)
        count = -(-max(rows, 1) // _ROWS_PER_PART)
        for number in range(count):
            yield frame.filter(f"pmod(xxhash64(customer_id), {count}) = {number}").toArrow()

    def table(self, name: str, frame: Any) -> Any:
        """Register a Spark DataFrame under a name and return it as an ibis table."""
        frame.createOrReplaceTempView(name)
        return self._ibis.table(name)

    def keep(self, name: str, expression: Any) -> Any:
        """Register a step that several others use; the workers cache it in memory and on disk."""
        self._kept.append(self.frame(expression).persist())
        return self.table(name, self._kept[-1])

    def release(self) -> None:
        """Release the cached steps."""
        for frame in self._kept:
            frame.unpersist()


def check_spark() -> None:
    """Fail early if Spark cannot start.

    Raises
    ------
    EngineError
        If PySpark or Java is missing, or Spark Connect is requested.
    """
    _session_class()
    from pyspark.sql.utils import is_remote

    if is_remote() or "SPARK_REMOTE" in os.environ:
        raise EngineError(
            "--engine spark does not work through Spark Connect: unset SPARK_REMOTE, and name the cluster "
            "with PYSPARK_SUBMIT_ARGS='--master spark://HOST:7077 pyspark-shell'"
        )
    # Under spark-submit Java runs already.
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        _check_java()


@contextmanager
def open_spark(timezone: str = "UTC") -> Iterator[_SparkEngine]:
    """Use the active Spark session if there is one, else start Spark and stop it at the end.

    Unless configured otherwise (``spark-submit``, ``PYSPARK_SUBMIT_ARGS``, ``SPARK_CONF_DIR``,
    ``SPARK_HOME``), Spark runs on all cores of this machine.

    Raises
    ------
    EngineError
        If Spark does not start, or fails while it is used.
    """
    session_class = _session_class()
    with _errors_of_spark(), _quiet_when_stopped(), ExitStack() as stack:
        running = session_class.getActiveSession()
        if running is not None:
            session = running.newSession()
        else:
            session = _start(stack.enter_context(temporary_folder()))
            stack.callback(session.stop)
        engine = _SparkEngine(session, timezone)
        stack.callback(engine.release)
        yield engine


def _session_class() -> Any:
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise EngineError(
            f"--engine spark needs PySpark ({first_line(error)}): install it with pip install 'guanxi[spark]'"
        ) from None
    return SparkSession


def _start(folder: Path) -> Any:
    """Start Spark; its output and that of Java go to a file, which is quoted if the start fails."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # No table is saved, but Spark creates a folder for them, by default in the working folder.
    conf = SparkConf(loadDefaults=False).setAppName("guanxi")
    conf.set("spark.sql.warehouse.dir", str(folder / "warehouse"))
    at_launch = SparkConf(loadDefaults=False).setAll(conf.getAll())
    if not any(name in os.environ for name in _CONFIGURED):
        at_launch.setAll(list(_ONE_MACHINE.items()))
    printed = folder / "spark.log"
    with printed.open("wb") as log:
        try:
            # Reuse the Java process of an earlier session, if any.
            launched = {"stdout": log, "stderr": log}
            gateway = SparkContext._gateway or launch_gateway(at_launch, launched)  # type: ignore[no-untyped-call]
            return _session_class()(SparkContext(conf=conf, gateway=gateway))
        except Exception as error:
            lines = printed.read_text(errors="replace").strip().splitlines()
            reason = next((line for line in lines if "rror" in line or "xception" in line), _reason(error))
            raise EngineError(f"Spark does not start: {reason.strip()[:300]}") from error


def _check_java() -> None:
    """Fail unless there is a Java on which Spark runs."""
    advice = f"install Java {_JAVA} (such as openjdk-{_JAVA}-jre-headless) and set JAVA_HOME to its folder"
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else shutil.which("java")
    if program is None:
        raise EngineError(f"--engine spark needs Java {_JAVA}, which was not found: {advice}")
    try:
        done = subprocess.run([program, "-version"], capture_output=True, text=True, check=False, timeout=60)
    except OSError as error:
        raise EngineError(
            f"--engine spark needs Java {_JAVA}: {program}: {error.strerror}; {advice}"
        ) from None
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    if found is None:
        raise EngineError(f"--engine spark needs Java {_JAVA}, and {program} does not run: {advice}")
    if int(found[1]) < _JAVA:
        raise EngineError(f"--engine spark needs Java {_JAVA}, and {program} is Java {found[1]}: {advice}")


@contextmanager
def _quiet_when_stopped() -> Iterator[None]:
    """Suppress the traceback that Py4J logs when the job is interrupted."""
    root = logging.getLogger()

    def not_of_py4j(record: logging.LogRecord) -> bool:
        return record.module != "java_gateway"

    root.addFilter(not_of_py4j)
    try:
        yield
    finally:
        root.removeFilter(not_of_py4j)


@contextmanager
def _errors_of_spark() -> Iterator[None]:
    """Convert Spark's errors to one line."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise EngineError(f"Spark failed: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Extract the cause: the last line of a worker's traceback, else Spark's own error."""
    texts = [str(error)]
    cause = getattr(error, "java_exception", None) or getattr(error, "_origin", None)
    while cause is not None:
        texts.append(cause.getMessage() or "")
        cause = cause.getCause()
    traceback = next((text for text in texts if "Traceback" in text), None)
    if traceback is not None:
        return traceback.strip().splitlines()[-1][:300]
    named = next((text for text in texts if text.startswith("[")), texts[-1] or texts[0])
    return first_line(Exception(named))[:300]
