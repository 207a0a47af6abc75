"""Which process left something behind: a name for a process, and whether it still runs."""

from __future__ import annotations

import os
from pathlib import Path


def identity() -> str:
    """Name this process by its number and start time, since numbers are used again.

    Returns
    -------
    str
        ``PID-START``. START is 0 where the system does not tell it.

    Examples
    --------
    >>> is_alive(identity())
    True
    """
    return f"{os.getpid()}-{_start(os.getpid())}"


def is_alive(identity: str) -> bool:
    """Whether the process of :func:`identity` still runs on this machine; in doubt it does.

    Examples
    --------
    >>> is_alive("1-999999999999999")  # another process has had this number since
    False
    >>> is_alive("not an identity")
    True
    """
    number, _, start = identity.partition("-")
    if not (number.isdecimal() and start.isdecimal()):
        return True
    if Path("/proc/self/stat").exists():
        found = _start(int(number))
        return found != "0" and start in ("0", found)
    return os.name != "posix" or _answers(int(number))


def _start(number: int) -> str:
    """Start time of a process in clock ticks since boot; 0 if unknown, gone, or only waiting to be reaped."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return "0"
    # The name in brackets may hold blanks and brackets; the state is field 3, the start time field 22.
    fields = stat.rpartition(")")[2].split()
    return "0" if fields[0] in "ZX" else fields[19]


def _answers(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
