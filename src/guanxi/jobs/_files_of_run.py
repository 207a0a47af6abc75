"""The files of a run, in words."""

from __future__ import annotations

from collections.abc import Mapping


def files_in_words(files: Mapping[str, str]) -> list[str]:
    """List files and what they hold, one a line.

    Examples
    --------
    >>> files_in_words({"output/report.html": "the report page", "models/": "the champion"})
    ['  output/report.html  the report page', '  models/             the champion']
    """
    width = max(map(len, files))
    return [f"  {name:<{width}}  {what}" for name, what in files.items()]
