"""Guesses of which column of a source is which, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from guanxi.data._column_proposals import NAMES, is_wide, named_column, propose_columns
from guanxi.data._findings import DataFinding
from guanxi.data.contracts._proposals import COLUMN_NAMES
from guanxi.data.contracts.guesses import TaskGuess, guess_task
from guanxi.data.engine import _connect
from guanxi.data.sources.source import Source, read_source
from guanxi.params import OPTIONAL_COLUMNS, REQUIRED_COLUMNS, DataParams
from guanxi.params.tasks import Task

# Optional columns that are recognised by one of these names alone: a wrong guess would harm more than none.
_OPTIONAL_NAMES = {
    "order_id": """
        orderid orderno ordernumber order invoiceno invoiceid invoicenumber invoice transactionid receiptid
        receiptno basketid bestellnummer rechnungsnummer belegnummer numeropedido numerocommande
        订单号 订单编号
    """,
    "quantity": NAMES["quantity"],
    "category": "category productcategory kategorie warengruppe categoria categorie 类别 品类",
    "channel": "channel saleschannel kanal vertriebskanal canal 渠道",
}
_ALL_NAMES = NAMES | COLUMN_NAMES
_EXAMPLES, _LONGEST_EXAMPLE = 3, 30
_SAMPLE = 1000


@dataclass(frozen=True)
class ColumnGuess:
    """A column of a source, or a product of two, taken for a canonical one.

    Attributes
    ----------
    column : str
    reason : str
        Why, in a few words, with values as they stand in the source.
    """

    column: str
    reason: str


@dataclass(frozen=True)
class SourceGuess:
    """What a look at a source told.

    Attributes
    ----------
    name : str
        The source, without passwords.
    columns : tuple of str
    mapping : dict of str to ColumnGuess
        By canonical name; what could not be guessed is left out.
    findings : tuple of DataFinding
        What was noticed while the source was opened, such as several sheets.
    task : Task
        What kind of customers it tells of.
    form : str
        ``purchases``, ``labels``, or the form of contracts: ``events``, ``customers``, ``contracts``.
    reason : str
        Why.
    """

    name: str
    columns: tuple[str, ...]
    mapping: dict[str, ColumnGuess]
    findings: tuple[DataFinding, ...]
    task: Task
    form: str
    reason: str


def guess_columns(source: Source, params: DataParams | None = None) -> SourceGuess:
    """Look at a source and guess what its columns are.

    Parameters
    ----------
    source : str, path or table
        See :func:`guanxi.data.sources.source.read_source`.
    params : DataParams, optional
        Columns given in it are kept, and the others guessed.

    Raises
    ------
    SourceError
        If the source cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> day = ["2024-01-01", "2024-01-05"]
    >>> log = pd.DataFrame({"Kunde": ["a", "a"], "Datum": day, "Menge": [1, 2], "Preis": [5.0, 4.5]})
    >>> {name: each.column for name, each in guess_columns(log).mapping.items()}
    {'customer_id': 'Kunde', 'timestamp': 'Datum', 'amount': 'Menge*Preis', 'quantity': 'Menge'}
    """
    params = params or DataParams()
    connection = _connect(params.timezone)
    try:
        table = read_source(connection, source, params)
        given = {name: params.columns.get(name, name) for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}
        known = {name: column for name, column in given.items() if column in table.columns}
        known |= {name: column for name, column in params.columns.items() if column}
        sample = table.table.limit(_SAMPLE).execute()
        task = None if is_wide(table) or _is_log(params) else guess_task(sample, params.columns)
        if task is None:
            found = {} if is_wide(table) else propose_columns(table, known)
            found |= _optional(table.columns, found)
            task = TaskGuess("purchases", "purchases", "each line has a customer and a day", found)
        found = dict(task.columns)
        if params.columns.get("amount") == "":  # no amounts, as the user says
            found.pop("amount", None)
        examples = {name: _examples(sample[name].head(_EXAMPLES)) for name in table.columns}
        mapping = {
            name: ColumnGuess(column, _reason(name, column, params.columns, table.columns, examples))
            for name, column in found.items()
        }
        columns = tuple(table.columns)
        return SourceGuess(table.name, columns, mapping, table.findings, task.task, task.form, task.reason)
    finally:
        connection.disconnect()


def _is_log(params: DataParams) -> bool:
    """Whether the user says that there is a day on each line, and no event."""
    return "timestamp" in params.columns and "event" not in params.columns


def _optional(columns: list[str], found: Mapping[str, str]) -> dict[str, str]:
    """Find optional columns by their whole names; a factor of the amount may be the quantity, too."""
    used = {column for name, column in found.items() if name != "amount"}
    free = [column for column in columns if column not in {*used, found.get("amount")}]
    plain = {column: "".join(filter(str.isalnum, column.casefold())) for column in free}
    return {
        name: column
        for name, names in _OPTIONAL_NAMES.items()
        if name not in found
        for column in [named_column(names, free)]
        if column is not None and plain[column] in names.split()
    }


def _reason(
    name: str, column: str, given: Mapping[str, str], columns: list[str], examples: Mapping[str, str]
) -> str:
    parts = [column] if column in columns else column.split("*")
    shown = "; ".join(examples[part] for part in parts if examples.get(part))
    if given.get(name) == column:
        why = "as you said"
    elif len(parts) > 1:
        why = "no column is an amount, but these are a quantity and a price"
    elif name in _OPTIONAL_NAMES or named_column(_ALL_NAMES.get(name, name), [column]):
        why = "by its name"
    else:
        why = "the only column with such values"
    return f"{why}; such as {shown}" if shown else why


def _examples(values: object) -> str:
    """Show the first values of a column, each once."""
    texts = dict.fromkeys(" ".join(str(value).split()) for value in values.dropna())  # type: ignore[attr-defined]
    return ", ".join(text[:_LONGEST_EXAMPLE] for text in texts if text)
