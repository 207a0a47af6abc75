"""Source columns of contract data mapped and cast to canonical ones."""

from __future__ import annotations

from typing import Any

import ibis

from guanxi.data._booleans import read_boolean
from guanxi.data._columns import GIVEN, Keep, find_formats, repeated
from guanxi.data._findings import DataFinding
from guanxi.data._identifiers import identifier, present
from guanxi.data._numbers import read_number
from guanxi.data._times import read_time
from guanxi.data.contracts._period_words import periods_of
from guanxi.data.contracts._proposals import propose
from guanxi.data.sources.source_table import ROW, SourceTable
from guanxi.errors import SourceError
from guanxi.params import CONTRACT_COLUMNS, DataParams
from guanxi.periods import days_per_unit

TIMES = ("timestamp", "start", "end")
NUMBERS = ("tenure", "amount")
UNREADABLE = "unreadable_"
EVENTS = {
    "start": """
        start started new signup sign_up subscribe subscribed subscription activate activated
        activation create created open opened join joined reactivate reactivated reactivation resume resumed
        return returned
    """,
    "renew": "renew renewed renewal extend extended extension payment paid",
    "change": """
        change changed upgrade upgraded downgrade downgraded plan_change switch switched expansion
        contraction reprice repriced price_change
    """,
    "cancel": """
        cancel cancelled canceled cancellation churn churned end ended expire expired expiry terminate
        terminated termination unsubscribe unsubscribed close closed stop stopped leave left
    """,
}
# Words of customer files for those who left and those who are there.
LEFT = (
    "churned",
    "churn",
    "left",
    "lost",
    "cancelled",
    "canceled",
    "gone",
    "inactive",
    "terminated",
    "attrited customer",
)
THERE = ("stayed", "stay", "joined", "active", "retained", "existing", "existing customer", "current")
# What stands in a column of ends for a contract that is running, beside the words for a missing value.
_RUNNING = (
    *("active", "current", "open", "ongoing", "present", "running", "infinity", "never", "no end", "today"),
    *(
        "aktiv",
        "laufend",
        "offen",
        "unbefristet",
        "activo",
        "vigente",
        "actif",
        "en cours",
        "有效",
        "在用",
        "至今",
    ),
    *("0000-00-00", "00/00/0000", "0000-00-00 00:00:00", "0"),
)
_FIRST_FAR_YEAR = 2099
_FAR_YEAR = r"(^|\D)(2099|2[1-9]\d\d|[3-9]\d\d\d)(\D|$)|^9999"


def form_of(source: SourceTable, data: DataParams) -> str:
    """Tell the form of a source by its columns: ``events``, ``customers`` or ``contracts``.

    Raises
    ------
    SourceError
        If it has the required columns of none.
    """
    for form, (required, optional) in CONTRACT_COLUMNS.items():
        if all(data.columns.get(name, name) in source.columns for name in required):
            _check_mapped(source, data, (*required, *optional))
            return form
    raise SourceError(_no_form(source, data))


def _check_mapped(source: SourceTable, data: DataParams, names: tuple[str, ...]) -> None:
    for name in names:
        column = data.columns.get(name)
        if column and column not in source.columns:
            raise SourceError(
                f"{source.name}: no column {column!r} for {name}; it has {', '.join(source.columns)}"
            )


def _no_form(source: SourceTable, data: DataParams) -> str:
    forms = "; ".join(f"{form}: {', '.join(required)}" for form, (required, _) in CONTRACT_COLUMNS.items())
    return (
        f"{source.name}: no form of contract data fits ({forms}); it has {', '.join(source.columns)}: map "
        f"them with {propose(source.columns, data.columns)}"
    )


def map_columns(form: str, source: SourceTable, data: DataParams) -> dict[str, str]:
    """Map each canonical column of a form to the source column that is given, or that has its name."""
    required, optional = CONTRACT_COLUMNS[form]
    named = {name: data.columns.get(name, name) for name in (*required, *optional)}
    return {name: column for name, column in named.items() if column in source.columns}


def given_values(form: str, source: SourceTable, data: DataParams) -> dict[str, Any]:
    """Return the mapped columns by canonical name, what is missing as null."""
    texts = ("plan", "channel")
    words = {name: () if name in texts else data.missing for name in (*texts, *NUMBERS, *TIMES)}
    words["end"] = (*data.missing, *_RUNNING)
    values = {
        name: present(source.table[column], words.get(name, data.missing))
        for name, column in map_columns(form, source, data).items()
    }
    return values | {"end": _without_far_years(values["end"])} if "end" in values else values


def _without_far_years(end: Any) -> Any:
    """Replace ends that stand for none, such as 9999-12-31, by null, before formats are told from them."""
    kind = end.type()
    if kind.is_string():
        far = end.re_search(_FAR_YEAR)
    elif kind.is_timestamp() or kind.is_date():
        far = end.year() >= _FIRST_FAR_YEAR
    else:
        return end
    return ibis.ifelse(far, ibis.null(kind), end)


def resolve_formats(
    form: str, source: SourceTable, data: DataParams
) -> tuple[DataParams, tuple[DataFinding, ...]]:
    """Find how times and numbers are written: see :func:`guanxi.data._columns.find_formats`."""
    mapping, values = map_columns(form, source, data), given_values(form, source, data)
    times, numbers = (
        {mapping[name]: values[name] for name in names if name in values} for names in (TIMES, NUMBERS)
    )
    return find_formats(source.name, times, numbers, data)


def canonical_columns(form: str, source: SourceTable, data: DataParams, period: str, keep: Keep) -> Any:
    """Map and cast a source's columns; values that cannot be cast become null.

    The result also has ``line_number``, ``unreadable_…`` for each column (whether a value could not be cast)
    and ``repeated`` (whether an earlier line equals it). Amounts are per ``period``. ``keep`` is as in
    :func:`guanxi.data._contract_columns.canonical_columns`.
    """
    values = {GIVEN + name: value for name, value in given_values(form, source, data).items()}
    compared = [name for name in source.columns if name not in data.duplicates_ignore]
    again = repeated(source.table, compared)
    step = keep(source.table.select(line_number=source.table[ROW], repeated=again, **values))
    columns: dict[str, Any] = {"line_number": step.line_number, "repeated": step.repeated}
    for name in values:
        plain, given = name.removeprefix(GIVEN), step[name]
        columns[plain] = _cast(plain, given, data)
        columns[UNREADABLE + plain] = given.notnull() & columns[plain].isnull()
    if "amount" in columns and "period" in columns:
        own = columns["period"].fill_null(days_per_unit(period))
        columns["amount"] = columns["amount"] * (days_per_unit(period) / own)
    return step.select(**columns)


def _cast(name: str, given: Any, data: DataParams) -> Any:
    if name == "customer_id":
        return identifier(given)
    if name in TIMES:
        return read_time(given, data).date()
    if name in NUMBERS:
        return read_number(given, data)
    if name == "churned":
        return read_boolean(given, LEFT, THERE)
    text = given.cast("string").strip()
    if name == "period":
        return periods_of(text.lower())
    if name == "event":
        word = text.lower().replace(" ", "_").replace("-", "_")
        cases = [(word.isin(words.split()), event) for event, words in EVENTS.items()]
        return ibis.cases(*cases, else_=ibis.null("string"))
    return text
