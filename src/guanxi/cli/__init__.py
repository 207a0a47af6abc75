"""The ``guanxi`` command: argument parsing only."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import NoReturn

# Importing these adds their commands, in the order of the help.
from guanxi.cli import _learning_commands, _registry_commands, _scoring_commands  # noqa: F401

# isort: split
from guanxi.cli import _decision_commands  # noqa: F401
from guanxi.cli._app import app
from guanxi.cli._endings import STOPPED, echo, explain_error, fail, replace_unprintable
from guanxi.data.temporary import remove_abandoned

__all__ = ["app", "main"]


def main() -> NoReturn:
    """Run the command; errors end with one line of explanation and an exit code."""
    # Schedulers stop a job with SIGTERM: treat it like Ctrl-C, to remove temporary files.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    replace_unprintable()
    try:
        for path in remove_abandoned():
            echo(f"guanxi: removed {path}, which a killed command had left", err=True)
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        message, code = explain_error(error)
        if "--debug" in sys.argv:
            echo(traceback.format_exc(), err=True)
        fail(message, code)
    if code == STOPPED:
        fail("stopped", STOPPED)
    sys.exit(code or 0)
