"""MLflow as the calling program uses it: left as it was found."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from guanxi.registry import store

_lock = threading.Lock()
_depth = 0
_before: Any = None


@contextmanager
def leave_mlflow_alone() -> Iterator[None]:
    """Switch autologging off for our fits; restore it, MLflow's log levels and the environment at the end.

    A decorator of every public function. Our own logging uses no address, experiment or active run of
    MLflow's global state: see :mod:`guanxi.registry._run_log`.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _depth, _before
    with _lock:
        _depth += 1
        module = _autologging()
        if _depth == 1 and module is not None:
            _before = module._AUTOLOGGING_GLOBALLY_DISABLED
            module._AUTOLOGGING_GLOBALLY_DISABLED = True


def _leave() -> None:
    """Restore what was found, once the last of several threads is done."""
    global _depth, _before
    with _lock:
        _depth -= 1
        if _depth:
            return
        module = _autologging()
        if _before is not None and module is not None:
            module._AUTOLOGGING_GLOBALLY_DISABLED = _before
        _before = None
        store._restore_settings()


def _autologging() -> Any:
    """MLflow's switch, if the calling program has imported it: importing it here would cost seconds."""
    return sys.modules.get("mlflow.utils.autologging_utils")
