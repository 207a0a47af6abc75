"""How a command that fails ends: one line that says what to do, and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

STOPPED = 130


def explain_error(error: Exception) -> tuple[str, int]:
    """Say what an error means, and the exit code."""
    from guanxi.errors import GuanxiError

    if isinstance(error, GuanxiError):
        return str(error), error.exit_code
    # The second is what the engine makes of Ctrl-C.
    if isinstance(error, typer.Abort) or str(error) == "Query interrupted":
        return "stopped", STOPPED
    # Usage errors are Typer's own or click's, depending on Typer's version.
    usage = getattr(error, "format_message", None)
    if usage is not None:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "guanxi"
        text = usage().strip()
        return f"{text if text.endswith(('.', '?')) else text + '.'} See {command} --help", 2
    reason = " ".join(str(error).split())[:500] or "no message"
    return f"unexpected {type(error).__name__}: {reason} (run again with --debug for the traceback)", 1


def fail(message: str, code: int) -> NoReturn:
    """Print one line on the standard error and end."""
    typer.echo("guanxi: " + " ".join(without_passwords(message).split()), err=True)
    sys.exit(code)


def without_passwords(text: str) -> str:
    """Hide passwords, without loading what knows them where there is no address."""
    if "://" not in text:
        return text
    from guanxi.data.sources.source import redact

    return redact(text)
