"""``guanxi init``: look at a file, and write params.yaml with the mapping guessed and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guanxi.data.column_guesses import SourceGuess, guess_columns
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source
from guanxi.data.usability import Usability
from guanxi.errors import OutputError, SourceError
from guanxi.jobs._opened_log import open_log, source_name
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.validate import usability_text
from guanxi.params import Params, load_params, override
from guanxi.params.commented_file import Setting, commented_file

FILE = Path("params.yaml")
_SHORTEST_HORIZON, _WINDOWS = 7, 4
_EVERY_SHEET = "*"


@dataclass(frozen=True)
class Initialised:
    """What was guessed and written.

    Attributes
    ----------
    path : Path
    guess : SourceGuess
    params : Params
        What the file says.
    usability : Usability
        The source read in this way.
    """

    path: Path
    guess: SourceGuess
    params: Params
    usability: Usability


def init(source: Source, *, params: Params | None = None, progress: bool | Reporter = False) -> Initialised:
    """Look at a log of purchases and write ``params.yaml`` in the working folder.

    Parameters
    ----------
    source : str, path or table
        As on the command line.
    params : Params, optional
        Settings to keep; columns in it are taken as they are, and the others guessed.
    progress : bool or Reporter
        True: show the steps on the standard error, as the commands do.

    Raises
    ------
    OutputError
        If there is a ``params.yaml`` already.
    SourceError, DataError
        If the source cannot be read, or it is no log of purchases.

    Examples
    --------
    >>> import guanxi
    >>> guanxi.init("sales.csv").params.data.columns  # doctest: +SKIP
    {'customer_id': 'Kunde', 'timestamp': 'Datum', 'amount': 'Betrag'}
    """
    reporter = reporter_of(progress)
    reporter.expect(3)
    if FILE.exists():
        raise OutputError(f"{FILE} is there already: edit it, or move it away and run guanxi init again")
    files.check_output(FILE)
    given = override(load_params() if params is None else params, {})
    with reporter.step(f"look at {source_name(source)}"):
        guess = guess_columns(source, given.data)
    _check_log(guess)
    params = override(given, _found(guess, given))
    opened = open_log(source, params, reporter)
    opened.log.close()
    history = opened.usability.numbers["history_days"]
    if given.horizon_days == Params().horizon_days:
        params = override(params, {"horizon_days": _horizon(history, given.horizon_days)})
    text = commented_file(_head(source, guess), _settings(params, guess, opened.usability, history))
    with reporter.step(f"write {FILE}"):
        files.write_text(text, FILE)
    return Initialised(FILE, guess, params, opened.usability)


def summary_text(done: Initialised, source: str) -> str:
    """Report what was guessed and why, what the data are good for, and the next commands."""
    width = max(map(len, done.guess.mapping))
    return "\n".join(
        [
            usability_text(done.usability),
            "",
            f"Written to {done.path}; change it where it is wrong:",
            *(
                f"  {name:<{width}}  {each.column}  ({each.reason})"
                for name, each in done.guess.mapping.items()
            ),
            "",
            "Next:",
            f"  guanxi run {shlex.quote(source)}",
        ]
    )


def _check_log(guess: SourceGuess) -> None:
    """Refuse a source in which no customer or no day is found."""
    missing = [name for name in ("customer_id", "timestamp") if name not in guess.mapping]
    if missing:
        named = ",".join(f"{name}=NAME" for name in missing)
        raise SourceError(
            f"{guess.name}: no column could be taken for {' and '.join(missing)}; it has "
            f"{', '.join(guess.columns)}: name it with --columns {named}. A file with one row per "
            "customer and who left needs no params.yaml: guanxi run FILE --task labels --label COLUMN"
        )


def _found(guess: SourceGuess, given: Params) -> dict[str, object]:
    """Return the settings that follow from the guess."""
    columns = {name: each.column for name, each in guess.mapping.items()}
    if "amount" not in columns:
        columns["amount"] = ""
    every_sheet = any(found.setting == f"data.sheet={_EVERY_SHEET}" for found in guess.findings)
    return {
        "data.columns": columns,
        "data.sheet": _EVERY_SHEET if every_sheet and given.data.sheet is None else None,
    }


def _horizon(history: int, usual: int) -> int:
    """Return the usual horizon, or a shorter one of which the history holds several."""
    return min(usual, max(_SHORTEST_HORIZON, (history - 1) // _WINDOWS))


def _head(source: Source, guess: SourceGuess) -> list[str]:
    used = {part for each in guess.mapping.values() for part in (each.column, *each.column.split("*"))}
    left = [column for column in guess.columns if column not in used]
    return [
        f"Settings for {guess.name}, as guanxi init guessed them: check the columns, then run",
        f"guanxi run {shlex.quote(source_name(source))} in this folder.",
        "Every other setting has its default; all are listed in the params.yaml of guanxi.",
        *([f"Columns that are not used: {', '.join(left)}."] if left else []),
    ]


def _settings(params: Params, guess: SourceGuess, usability: Usability, history: int) -> Iterator[Setting]:
    reason = f"days to predict; the history has {history:,}"
    yield Setting("horizon_days", params.horizon_days, reason)
    usual = Params().flat()
    other = {
        key: value
        for key, value in params.flat().items()
        if value != usual.get(key) and key != "horizon_days" and not key.startswith("data.")
    }
    for key, value in other.items():
        yield Setting(key, value, "as you said")
    for name, column in params.data.columns.items():
        why = guess.mapping[name].reason if name in guess.mapping else "none found: spend stays unknown"
        yield Setting(f"data.columns.{name}", column, why)
    yield from _data_settings(params, usability)


def _data_settings(params: Params, usability: Usability) -> Iterator[Setting]:
    """Yield the settings of reading beside the columns, and as comments those that findings propose."""
    usual = Params().flat()
    for key, value in params.flat().items():
        if key.startswith("data.") and not key.startswith("data.columns") and value != usual.get(key):
            sheets = "the sheets have the same columns: all are read"
            yield Setting(key, value, sheets if key == "data.sheet" else "as you said")
    repeated = usability.numbers["repeated_lines"]
    if repeated and params.data.duplicates == "keep":
        why = f"{repeated:,} lines repeat an earlier one: drop them if they are copies"
        yield Setting("data.duplicates", "drop", why, inactive=True)
    for found in usability.noticed:
        key, _, value = (found.setting or "").removeprefix("--set ").partition("=")
        if key.startswith("data.") and not key.startswith(("data.columns", "data.duplicates")):
            yield Setting(key, value, found.text, inactive=True)
