"""Error messages of one line, and exit codes."""

from __future__ import annotations

import io
import sys
from typing import NoReturn

import typer

STOPPED = 130
_LONGEST_ERROR = 2_000


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
    if isinstance(error, OSError) and error.strerror and error.filename is None:
        return f"cannot write the output: {error.strerror}; free some space, or send it elsewhere", 1
    reason = " ".join(str(error).split())[:500] or "no message"
    return f"unexpected {type(error).__name__}: {reason} (run again with --debug for the traceback)", 1


def fail(message: str, code: int) -> NoReturn:
    """Print one line to standard error and exit."""
    line = " ".join(message.split())
    echo(f"guanxi: {line if len(line) <= _LONGEST_ERROR else line[:_LONGEST_ERROR] + '…'}", err=True)
    sys.exit(code)


def echo(text: str, *, err: bool = False) -> None:
    """Print a text without passwords and control characters."""
    from guanxi.jobs.reporter import printable

    typer.echo(printable(_without_passwords(text)), err=err)


def replace_unprintable() -> None:
    """Escape what the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _without_passwords(text: str) -> str:
    """Mask passwords; the code for it is only imported if the text may have one."""
    if not any(sign in text for sign in ("://", "=", "%3")):
        return text
    from guanxi.data.sources.redaction import redact

    return redact(text)
