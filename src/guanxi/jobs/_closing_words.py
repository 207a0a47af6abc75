"""What a run wrote, and what to do with it, in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from guanxi.jobs._gate import Registered


def files_in_words(files: Mapping[str, str]) -> list[str]:
    """List files and what they hold, one a line.

    Examples
    --------
    >>> files_in_words({"output/report.html": "the report page", "models/": "the champion"})
    ['  output/report.html  the report page', '  models/             the champion']
    """
    width = max(map(len, files))
    return [f"  {name:<{width}}  {what}" for name, what in files.items()]


def next_commands(folder: Path, training: Registered, predict: str) -> list[str]:
    """List the commands that one may want after a run: look at its page, at MLflow, score other data.

    Parameters
    ----------
    folder : pathlib.Path
        Of the results.
    training : Registered
    predict : str
        What ``guanxi predict`` needs beside source, output and model.
    """
    store = training.store
    name = f"models:/{store.registered_model}@candidate"
    model = "" if training.champion == training.version else f" --model {name}"
    # A server has its own page.
    look = "xdg-open" if store.uri.startswith("http") else "mlflow ui --backend-store-uri"
    return [
        "",
        "Next:",
        f"  xdg-open {shlex.quote(str(folder / 'report.html'))}",
        f"  {look} {shlex.quote(store.shown_uri)}",
        f"  guanxi predict YOUR_FILE.csv -o scores.parquet{model} {predict}",
    ]
