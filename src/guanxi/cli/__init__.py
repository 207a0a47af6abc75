"""The ``guanxi`` command: argument parsing only."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import typer

# Each import adds its commands, in the order of the help.
from guanxi.cli import learning_commands, scoring_commands, registry_commands  # isort: skip
from guanxi.cli.app import app
from guanxi.cli.endings import STOPPED, explain_error, fail, without_passwords

__all__ = ["app", "learning_commands", "main", "registry_commands", "scoring_commands"]


def main() -> NoReturn:
    """Run the command; every error ends in one line that says what to do, and an exit code."""
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = STOPPED
    except Exception as error:
        message, code = explain_error(error)
        if "--debug" in sys.argv:
            typer.echo(without_passwords(traceback.format_exc()), err=True)
        fail(message, code)
    if code == STOPPED:
        fail("stopped", STOPPED)
    sys.exit(code or 0)
