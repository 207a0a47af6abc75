"""``guanxi init``: look at a file, and write params.yaml with the mapping guessed and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from guanxi.data.column_guesses import SourceGuess, guess_columns
from guanxi.data.contracts.guesses import period_of
from guanxi.data.sinks import files
from guanxi.data.sources.source import Source
from guanxi.data.usability import Usability
from guanxi.errors import OutputError, SourceError
from guanxi.jobs._first_look import first_look
from guanxi.jobs._opened_log import source_name
from guanxi.jobs.reporter import Reporter, reporter_of
from guanxi.jobs.validate import usability_text
from guanxi.params import ContractParams, Params, load_params, override
from guanxi.params.commented_file import Setting, commented_file

FILE = Path("params.yaml")
_SHORTEST_HORIZON, _WINDOWS = 7, 4
_EVERY_SHEET = "*"
_ATTRIBUTES = "All other columns are attributes"
_UNUSED = "Columns that are not used"
_OTHERS = {
    **dict.fromkeys(("labels", "customers"), _ATTRIBUTES),
    **dict.fromkeys(("purchases", "contracts", "events"), _UNUSED),
}


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
    """Look at purchases, contracts or labelled customers, and write ``params.yaml`` in the working folder.

    Columns that tell who left alone are excluded in it.

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
        If the source cannot be read, or it is none of the three.

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
    usability, telling = first_look(source, params, reporter)
    if telling:
        params = override(params, {"data.exclude": [*params.data.exclude, *telling]})
    history = usability.numbers.get("history_days")
    if history is not None and given.horizon_days == Params().horizon_days:
        params = override(params, {"horizon_days": _horizon(history, given.horizon_days)})
    text = commented_file(_head(source, guess, params), _settings(params, guess, usability, telling))
    with reporter.step(f"write {FILE}"):
        files.write_text(text, FILE)
    return Initialised(FILE, guess, params, usability)


def summary_text(done: Initialised, source: str) -> str:
    """Report what was guessed and why, what the data are good for, and the next commands."""
    width, excluded = max(map(len, done.guess.mapping)), done.params.data.exclude
    return "\n".join(
        [
            usability_text(done.usability),
            "",
            f"Written to {done.path} for {done.guess.task} ({done.guess.reason});",
            "change it where it is wrong:",
            *(
                f"  {name:<{width}}  {each.column}  ({each.reason})"
                for name, each in done.guess.mapping.items()
            ),
            *([f"  excluded     {', '.join(excluded)}  (they tell who left)"] if excluded else []),
            "",
            "Next:",
            f"  guanxi run {shlex.quote(source)}",
        ]
    )


def _check_log(guess: SourceGuess) -> None:
    """Refuse a source in which no customer or no day is found."""
    missing = [name for name in ("customer_id", "timestamp") if name not in guess.mapping]
    if missing and guess.task == "purchases":
        named = ",".join(f"{name}=NAME" for name in missing)
        raise SourceError(
            f"{guess.name}: no column could be taken for {' and '.join(missing)}; it has "
            f"{', '.join(guess.columns)}: name it with --columns {named}; in a file with one row per "
            "customer name who left, with --columns churned=NAME"
        )


def _found(guess: SourceGuess, given: Params) -> dict[str, object]:
    """Return the settings that follow from the guess."""
    columns = {name: each.column for name, each in guess.mapping.items()}
    if "amount" not in columns and guess.task == "purchases":
        columns["amount"] = ""
    every_sheet = any(found.setting == f"data.sheet={_EVERY_SHEET}" for found in guess.findings)
    tenure = columns.get("tenure")
    return {
        "task": guess.task,
        "contracts.period": period_of(tenure) if tenure and given.contracts == ContractParams() else None,
        "data.columns": columns,
        "data.sheet": _EVERY_SHEET if every_sheet and given.data.sheet is None else None,
    }


def _horizon(history: int, usual: int) -> int:
    """Return the usual horizon, or a shorter one of which the history holds several."""
    return min(usual, max(_SHORTEST_HORIZON, (history - 1) // _WINDOWS))


def _head(source: Source, guess: SourceGuess, params: Params) -> list[str]:
    used = {part for each in guess.mapping.values() for part in (each.column, *each.column.split("*"))}
    left = [column for column in guess.columns if column not in {*used, *params.data.exclude}]
    return [
        f"Settings for {guess.name}, as guanxi init guessed them: check the columns, then run",
        f"guanxi run {shlex.quote(source_name(source))} in this folder.",
        "Every other setting has its default; all are listed in the params.yaml of guanxi.",
        *([f"{_OTHERS[guess.form]}: {', '.join(left)}."] if left else []),
    ]


def _settings(
    params: Params, guess: SourceGuess, usability: Usability, telling: Mapping[str, str]
) -> Iterator[Setting]:
    if guess.task != "purchases":
        yield Setting("task", guess.task, guess.reason)
    if guess.task != "labels":
        history = usability.numbers.get("history_days")
        known = "" if history is None else f"; the history has {history:,}"
        yield Setting("horizon_days", params.horizon_days, f"days to predict{known}")
    yield from _contract_settings(params, guess)
    usual = Params().flat()
    other = {
        key: value
        for key, value in params.flat().items()
        if value != usual.get(key)
        and key not in ("task", "horizon_days")
        and not key.startswith(("data.", "contracts."))
    }
    for key, value in other.items():
        yield Setting(key, value, "as you said")
    for name, column in params.data.columns.items():
        why = guess.mapping[name].reason if name in guess.mapping else "none found: spend stays unknown"
        yield Setting(f"data.columns.{name}", column, why)
    if telling:
        why = "each alone tells who left, so that it was recorded afterwards or is the same thing"
        yield Setting("data.exclude", list(params.data.exclude), why)
    yield from _data_settings(params, usability, telling)


def _contract_settings(params: Params, guess: SourceGuess) -> Iterator[Setting]:
    """Yield how contracts are counted: the period, and of a file of customers who is in it."""
    if guess.task != "contracts":
        return
    tenure = guess.mapping.get("tenure")
    named = f"unit of {tenure.column}" if tenure else "a month, as is usual"
    yield Setting("contracts.period", params.contracts.period, named)
    if tenure:
        why = "if only those who left in the last period are in the file: it changes the churn rate"
        yield Setting("contracts.observed", "last_period", why, inactive=True)


def _data_settings(params: Params, usability: Usability, telling: Mapping[str, str]) -> Iterator[Setting]:
    """Yield the settings of reading beside the columns, and as comments those that findings propose."""
    usual = Params().flat()
    for key, value in params.flat().items():
        ours = ("data.columns", *(["data.exclude"] if telling else []))
        if key.startswith("data.") and not key.startswith(ours) and value != usual.get(key):
            sheets = "the sheets have the same columns: all are read"
            yield Setting(key, value, sheets if key == "data.sheet" else "as you said")
    repeated = usability.numbers.get("repeated_lines")
    if repeated and params.data.duplicates == "keep":
        why = f"{repeated:,} lines repeat an earlier one: drop them if they are copies"
        yield Setting("data.duplicates", "drop", why, inactive=True)
    for found in usability.noticed:
        key, _, value = (found.setting or "").removeprefix("--set ").partition("=")
        if key.startswith("data.") and not key.startswith(("data.columns", "data.duplicates")):
            yield Setting(key, value, found.text, inactive=True)
