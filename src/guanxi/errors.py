"""Every exception a user can meet.

Each message is one line that says what is wrong, where, and what to do. ``exit_code`` is what the
command line ends with: 2 for usage and data, 1 for failures.
"""


class GuanxiError(Exception):
    """Base of all errors that guanxi raises on purpose."""

    exit_code = 1


class ParamsError(GuanxiError):
    """A parameter is unknown, mistyped, out of range or given twice."""

    exit_code = 2


class SourceError(GuanxiError):
    """A source cannot be found, opened or read, or lacks a column."""

    exit_code = 2


class DataError(GuanxiError):
    """The data was read but cannot carry what was asked of it."""

    exit_code = 2


class HistoryError(DataError):
    """The history is too short for the asked horizon or cutoff."""


class FitError(GuanxiError):
    """A model could not be fitted to otherwise valid data."""


class OutputError(GuanxiError):
    """A result cannot be written where it was asked for."""


class EngineError(GuanxiError):
    """An engine other than the built-in one is missing, does not start or fails."""


class RegistryError(GuanxiError):
    """The tracking store or model registry cannot do what was asked."""


class PromotionError(GuanxiError):
    """A candidate did not pass the gate; the champion stays."""


class FitWarning(UserWarning):
    """Another model stands in, since the data do not hold what the one asked for looks for."""
