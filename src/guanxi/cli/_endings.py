"""Error messages of one line, and exit codes."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

STOPPED = 130


def explain_error(error: Exception) -> tuple[str, int]:
    """Return the message and exit code for an error."""
    from guanxi.errors import GuanxiError

    if isinstance(error, GuanxiError):
        return str(error), error.exit_code
    # The second is how the engine reports Ctrl-C.
    if isinstance(error, typer.Abort) or str(error) == "Query interrupted":
        return "stopped", STOPPED
    # Usage errors come from Typer or click, depending on Typer's version.
    usage = getattr(error, "format_message", None)
    if usage is not None:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "guanxi"
        text = usage().strip()
        return f"{text if text.endswith(('.', '?')) else text + '.'} See {command} --help", 2
    reason = " ".join(str(error).split())[:500] or "no message"
    return f"unexpected {type(error).__name__}: {reason} (run again with --debug for the traceback)", 1


def fail(message: str, code: int) -> NoReturn:
    """Print one line to standard error and exit."""
    typer.echo("guanxi: " + " ".join(without_passwords(message).split()), err=True)
    sys.exit(code)


def without_passwords(text: str) -> str:
    """Mask passwords; the code for it is only imported if the text has an address."""
    if "://" not in text:
        return text
    from guanxi.data.sources.source_table import redact

    return redact(text)
