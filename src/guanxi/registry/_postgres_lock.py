"""PostgreSQL's advisory lock: one process at a time creates tables or moves aliases of a store there."""

from __future__ import annotations

import logging
import os
import platform
import time
from typing import Any

from guanxi.errors import RegistryError
from guanxi.registry import _local_store as local

_KEY = 7_209_361  # any number, the same in all processes of guanxi
_SECONDS_BETWEEN_TRIES = 0.1
_HOLDER = """
SELECT session.pid, session.application_name
FROM pg_locks AS held JOIN pg_stat_activity AS session USING (pid)
WHERE held.locktype = 'advisory' AND held.granted AND held.classid = 0 AND held.objid = :key
"""


def lock(connection: Any, shown: str) -> None:
    """Lock a store until its connection ends, also if the process is killed.

    After some seconds say who has it, and give up after ten minutes.

    Raises
    ------
    RegistryError
    """
    _execute(
        connection,
        "SELECT set_config('application_name', :name, false)",
        name=f"guanxi, process {os.getpid()} on {platform.node()}"[:63],
    )
    if _acquired(connection, local.SILENT_SECONDS):
        return
    logging.getLogger("guanxi").warning(
        "waiting for the lock of %s, which %s holds", shown, _holder(connection)
    )
    if not _acquired(connection, local.LONGEST_SECONDS):
        raise RegistryError(
            f"the lock of {shown} was held for ten minutes by {_holder(connection)}: end that process, "
            "or try again later"
        )


def _acquired(connection: Any, seconds: float) -> bool:
    """Try until the lock is ours, for at most so many seconds."""
    end = time.monotonic() + seconds
    while not _execute(connection, "SELECT pg_try_advisory_lock(:key)", key=_KEY).scalar():
        if time.monotonic() >= end:
            return False
        time.sleep(_SECONDS_BETWEEN_TRIES)
    return True


def _holder(connection: Any) -> str:
    """Describe the session that holds the lock."""
    found = _execute(connection, _HOLDER, key=_KEY).first()
    return f"{found[1] or 'another program'} (database session {found[0]})" if found else "another process"


def _execute(connection: Any, statement: str, **values: Any) -> Any:
    import sqlalchemy

    return connection.execute(sqlalchemy.text(statement), values)
