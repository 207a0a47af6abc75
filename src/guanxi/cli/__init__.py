"""The ``guanxi`` command: argument parsing only."""

from __future__ import annotations

import sys
import traceback
from typing import NoReturn

import typer

# Importing these adds their commands, in the order of the help.
from guanxi.cli import _learning_commands, _registry_commands, _scoring_commands  # noqa: F401
from guanxi.cli._app import app
from guanxi.cli._endings import STOPPED, explain_error, fail, without_passwords

__all__ = ["app", "main"]


def main() -> NoReturn:
    """Run the command; errors end with one line of explanation and an exit code."""
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
