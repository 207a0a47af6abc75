"""The embedded engine that holds one job's tables."""

from __future__ import annotations

from typing import Any

import ibis


def connect(timezone: str = "UTC") -> Any:
    """Open an in-memory DuckDB through ibis, in the data's time zone and without network access.

    Returns
    -------
    ibis.backends.duckdb.Backend
    """
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET autoinstall_known_extensions = false")
    connection.raw_sql("SET autoload_known_extensions = false")
    # In a notebook DuckDB refuses to touch this setting without ipywidgets, and has it off then.
    if connection.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0]:
        connection.raw_sql("SET enable_progress_bar = false")
    connection.raw_sql(f"SET TimeZone = '{timezone}'")
    return connection
