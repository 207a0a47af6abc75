"""What a run wrote, and what to do with it, in words."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from guanxi.jobs._gate import Registered

_OPEN = {"darwin": "open", "win32": "start"}.get(sys.platform, "xdg-open")


def files_in_words(files: Mapping[str, str]) -> list[str]:
    """List files and what they hold, one a line.

    Examples
    --------
    >>> files_in_words({"output/report.html": "the report page", "models/": "the champion"})
    ['  output/report.html  the report page', '  models/             the champion']
    """
    width = max(map(len, files))
    return [f"  {name:<{width}}  {what}" for name, what in files.items()]


def model_option(training: Registered) -> str:
    """Name a candidate for a command, which else takes the champion: with a space before it, or nothing."""
    return (
        ""
        if training.champion == training.version
        else f" --model models:/{training.store.registered_model}@candidate"
    )


def next_commands(folder: Path, training: Registered, *commands: str) -> list[str]:
    """List the commands that one may want after a run: look at its page and at MLflow, and what is given."""
    store = training.store
    # A server has its own page.
    look = _OPEN if store.uri.startswith("http") else "mlflow ui --backend-store-uri"
    return [
        "",
        "Next:",
        f"  {_OPEN} {shlex.quote(str(folder / 'report.html'))}",
        f"  {look} {shlex.quote(store.shown_uri)}",
        *(f"  {command}" for command in commands),
    ]
