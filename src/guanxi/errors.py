"""All exceptions raised for users.

Each message is one line that states what is wrong, where, and what to do. ``exit_code`` is that of the
command line: 2 for usage and data, 1 for failures.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "DataError",
    "EngineError",
    "FitError",
    "FitWarning",
    "GuanxiError",
    "HistoryError",
    "OutputError",
    "ParamsError",
    "PromotionError",
    "RegistryError",
    "SourceError",
]

_LEAST_PART, _MOST_SUGGESTED = 3, 3  # letters of a name's part, and names


class GuanxiError(Exception):
    """Base of all errors raised by guanxi."""

    exit_code = 1

    def __str__(self) -> str:
        """Return the message as one line, even if it quotes a value of several."""
        return " ".join(super().__str__().splitlines())


class ParamsError(GuanxiError):
    """A parameter is unknown, duplicated, of the wrong type or out of range."""

    exit_code = 2


class SourceError(GuanxiError):
    """A source cannot be found, opened or read, or lacks a column."""

    exit_code = 2


class DataError(GuanxiError):
    """The data were read but do not support the request."""

    exit_code = 2


class HistoryError(DataError):
    """The history is too short for the requested horizon or cutoff."""


class FitError(GuanxiError):
    """A model could not be fitted to otherwise valid data."""


class OutputError(GuanxiError):
    """A result cannot be written to the requested place."""


class EngineError(GuanxiError):
    """An engine other than the built-in one is missing, does not start or fails."""


class RegistryError(GuanxiError):
    """The tracking store or model registry cannot fulfil a request."""


class PromotionError(GuanxiError):
    """A candidate did not meet the criteria; the champion remains."""


class FitWarning(UserWarning):
    """Another model is used because the data do not support the requested one."""


def did_you_mean(name: object, known: Iterable[object], otherwise: str = "") -> str:
    """Suggest the known name closest to a misspelt one, else ``otherwise``, by default all known names.

    Case does not matter; names that contain the given one are close, too.

    >>> did_you_mean("csatt", ["csat", "ces"])
    'did you mean csat?'
    >>> did_you_mean("churn", ["Churn of the quarter", "Age", "Churn of the year"])
    'did you mean Churn of the quarter or Churn of the year?'
    """
    names = [str(each) for each in known]
    folded, wanted = [each.casefold() for each in names], str(name).strip().casefold()
    close = difflib.get_close_matches(wanted, folded, n=1)
    found = [names[folded.index(close[0])]] if close else []
    if not found and len(wanted) >= _LEAST_PART:
        found = [each for each, low in zip(names, folded, strict=True) if wanted in low][:_MOST_SUGGESTED]
    return f"did you mean {' or '.join(found)}?" if found else otherwise or f"known here: {', '.join(names)}"
