"""Guesses whether a source holds contracts, customers with their outcome, or neither."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guanxi.data._booleans import FALSE, TRUE
from guanxi.data._column_proposals import named_column, plain_name
from guanxi.data.contracts._contract_columns import EVENTS, LEFT, THERE
from guanxi.data.contracts._proposals import COLUMN_NAMES
from guanxi.params.tasks import Task

_MOST = 0.9
_WORDS = {word for words in EVENTS.values() for word in words.split()}
_OUTCOMES = {*TRUE, *FALSE, *LEFT, *THERE}
_UNITS = {
    "W": "week|woche|semana|semaine|周",
    "Y": "year|jahr|año|annee|année|年",
    "D": "days|tage|días|jours|天",
}
_EXACT = ("plan", "channel", "period")  # as a part of a name they say too little
_REQUIRED = {
    "events": ("customer_id", "timestamp", "event"),
    "customers": ("customer_id", "tenure", "churned"),
    "contracts": ("customer_id", "start", "end"),
    "labels": ("customer_id", "churned"),
}
_OPTIONAL = {"labels": (), "events": ("amount", "plan")}
_WHY = {
    "events": "a column of events such as start and cancel: a log of contracts",
    "customers": "one line per customer with the time under contract and who left; labels would use who left "
    "alone, without time and value",
    "contracts": "each line begins and ends: contracts",
    "labels": "one line per customer and who left, but no days and no time under contract",
}


@dataclass(frozen=True)
class TaskGuess:
    """What kind of customers a source tells of, why, and its columns by canonical name."""

    task: Task
    form: str
    reason: str
    columns: dict[str, str]


def guess_task(sample: Any, given: Mapping[str, str]) -> TaskGuess | None:
    """Guess the form of a source; None if it is none of contracts and labels.

    Parameters
    ----------
    sample : pandas.DataFrame
        The first rows.
    given : mapping of str to str
        Columns by canonical name that are known.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = {"customerID": ["a", "b"], "tenure": [3, 40], "Churn": ["Yes", "No"]}
    >>> found = guess_task(pd.DataFrame(rows), {})
    >>> found.task, found.columns
    ('contracts', {'customer_id': 'customerID', 'tenure': 'tenure', 'churned': 'Churn'})
    """
    for form, required in _REQUIRED.items():
        names = (*required, *_OPTIONAL.get(form, ("amount", "plan", "channel")))
        found = _columns(list(sample.columns), names, given)
        if all(name in found and _fits(name, sample[found[name]]) for name in required):
            task: Task = "labels" if form == "labels" else "contracts"
            if form in ("customers", "labels") and sample[found["customer_id"]].duplicated().any():
                continue
            return TaskGuess(task, form, _WHY[form], found)
    return None


def period_of(column: str) -> str:
    """Tell the unit in which a column counts the time under contract, by its name: months as a rule.

    Examples
    --------
    >>> period_of("Account Weeks"), period_of("tenure")
    ('W', 'M')
    """
    return next((unit for unit, words in _UNITS.items() if re.search(words, column, re.IGNORECASE)), "M")


def _columns(columns: list[str], names: tuple[str, ...], given: Mapping[str, str]) -> dict[str, str]:
    found = {name: given[name] for name in names if given.get(name) in columns}
    for name in names:
        free = [column for column in columns if column not in found.values()]
        if name not in found and (column := _named(name, free)) is not None:
            found[name] = column
    return {name: found[name] for name in names if name in found}


def _named(name: str, columns: list[str]) -> str | None:
    if name not in _EXACT:
        return named_column(COLUMN_NAMES[name], columns)
    names = COLUMN_NAMES.get(name, name).split()
    return next((column for column in columns if plain_name(column) in names), None)


def _fits(name: str, values: Any) -> bool:
    """Whether what a column holds can be what its name says."""
    texts = values.dropna().astype(str).str.strip().str.lower()
    if name == "event":
        return bool(len(texts) and texts.str.replace(r"[ -]", "_", regex=True).isin(_WORDS).mean() > _MOST)
    if name == "churned":
        plain = texts.str.removesuffix(".0")
        return bool(plain.nunique() == 2 and plain.isin(_OUTCOMES).mean() > _MOST)
    if name == "tenure":
        return bool(len(texts) and texts.str.fullmatch(r"\d+([.,]\d+)?").mean() > _MOST)
    return True
