"""Assessment of what a source can support, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from guanxi.data import rules
from guanxi.data._findings import DataFinding, told
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, HistoryError
from guanxi.served.texts import Language

if TYPE_CHECKING:
    from guanxi.data.contracts.log import ContractLog
    from guanxi.data.spark.transactions import SparkLog

_MANY_UNREADABLE = 0.05
_MOST_UNREADABLE = 0.5
_WINDOWS_WANTED = 4
_SHORTEST_WINDOW_DAYS = 7
MINIMUM_REPEATERS = 10


@dataclass(frozen=True)
class Usability:
    """Usability report of a source.

    Attributes
    ----------
    facts : list of (str, str)
        Label and value, in reading order.
    rejected : list of (rule, lines, share)
        Share of all lines read.
    warnings : list of str
        Problems, each with what to do.
    usable : bool
        Whether the data suffice to train for the requested horizon.
    numbers : dict
        The same facts as numbers, for MLflow.
    unreadable : str or None
        Why the source should be read in another way first, if many lines could not be read.
    noticed : tuple of DataFinding
        The findings among the warnings.
    """

    facts: list[tuple[str, str]]
    rejected: list[tuple[str, int, float]]
    warnings: list[str]
    usable: bool
    numbers: dict[str, Any] = field(repr=False)
    unreadable: str | None = None
    noticed: tuple[DataFinding, ...] = ()

    def warnings_in(self, language: Language) -> list[str]:
        """Return the warnings with the sentences of findings in a language."""
        known = {str(each): each.in_words(language) for each in self.noticed}
        return [known.get(warning, warning) for warning in self.warnings]


def assess(log: TransactionLog | SparkLog, as_of: date, horizon_days: int) -> Usability:
    """Assess what a source can support.

    Parameters
    ----------
    log : TransactionLog or SparkLog
    as_of : date
        The last day that may be used.
    horizon_days : int
        Length of the window to predict.
    """
    past = log.events.filter(log.events.date <= as_of)
    by_customer = past.group_by("customer_id").agg(purchases=past.count())
    row = log.rows(
        by_customer.agg(
            customers=by_customer.count(),
            repeaters=(by_customer.purchases > 1).sum(),
            purchases=by_customer.purchases.sum(),
        )
    )
    customers, repeaters, purchases = (int(row[name].fillna(0).iloc[0]) for name in row.columns)
    spend = _total(log, past.amount) if log.has_amounts else None
    history = (as_of - log.first_day).days + 1
    later = int(_total(log, (log.lines.date > as_of).cast("int64")))
    repeated = log.repeated_lines or 0
    share = repeaters / customers if customers else 0.0
    numbers = {
        "lines_read": log.lines_read,
        "lines_accepted": log.lines_accepted,
        "lines_after_as_of": later,
        "repeated_lines": repeated,
        "customers": customers,
        "customers_without_purchase": log.customers_without_purchase,
        "repeat_rate": share,
        "purchases": purchases,
        "spend": spend,
        "first_day": log.first_day.isoformat(),
        "as_of": as_of.isoformat(),
        "history_days": history,
        "horizon_days": horizon_days,
        "rejected_by_rule": log.rejected_by_rule,
        "findings": [finding.as_dict() for finding in log.findings],
    }
    facts = [
        ("source", log.source),
        ("lines read", f"{log.lines_read:,}"),
        ("accepted", f"{log.lines_accepted:,} ({log.lines_accepted / log.lines_read:.1%})"),
        ("rejected", f"{log.lines_read - log.lines_accepted:,}"),
        ("first to last day", f"{log.first_day} to {log.last_day}"),
        ("history up to", f"{as_of} ({history:,} days)"),
        ("lines after that, not used", f"{later:,}"),
        ("customers", f"{customers:,}"),
        ("customers without an accepted purchase", f"{log.customers_without_purchase:,}"),
        ("bought more than once", f"{repeaters:,} ({share:.1%})"),
        ("purchases (customer-days)", f"{purchases:,}"),
        ("spend", "unknown: the data have no amounts" if spend is None else f"{spend:,.2f}"),
        ("lines that repeat an earlier one", _repeated(log, repeated)),
    ]
    rejected = [(rule, n, n / log.lines_read) for rule, n in log.rejected_by_rule.items()]
    rejected.sort(key=lambda item: -item[1])
    short = _missing_history(log, as_of, horizon_days) or _too_few(repeaters, customers, as_of)
    noticed = _noticed(log, as_of, horizon_days)
    warnings = [*([short] if short else []), *map(str, noticed)]
    unreadable = _unreadable(log, _MANY_UNREADABLE)
    return Usability(facts, rejected, warnings, short is None, numbers, unreadable, tuple(noticed))


def _total(log: TransactionLog | SparkLog, column: Any) -> float:
    """Sum a column; 0 without any value."""
    total = log.rows(column.sum().name("total").as_table())["total"].iloc[0]
    return 0.0 if pd.isna(total) else float(total)


def _repeated(log: TransactionLog | SparkLog, repeated: int) -> str:
    """Count the repeated lines; where they are dropped, tell those that another rule had rejected before."""
    dropped = log.rejected_by_rule.get("duplicate_line", 0)
    before = repeated - dropped
    if log.params.duplicates == "keep":
        return f"{repeated:,} (kept)"
    also = f"; another rule had rejected {before:,} before" if before else ""
    return f"{repeated:,} ({dropped:,} dropped as duplicate_line{also})"


def day_after_the_data(log: TransactionLog | SparkLog | ContractLog, as_of: date) -> DataFinding | None:
    """Tell that a day lies after the end of a log, where every customer seems inactive; else None."""
    if as_of <= log.last_day:
        return None
    days = f"{(as_of - log.last_day).days:,}"
    return told("day_after_the_data", facts={"last": str(log.last_day), "days": days, "as_of": str(as_of)})


def check_readable(log: TransactionLog | SparkLog) -> None:
    """Refuse a log most of whose lines could not be read: what was read is hardly what was meant.

    Raises
    ------
    DataError
    """
    problem = _unreadable(log, _MOST_UNREADABLE)
    if problem:
        raise DataError(f"{log.source}: {problem}")


def _unreadable(log: TransactionLog | SparkLog, limit: float) -> str | None:
    """Explain that more than a share of the lines, or of the value, could not be read; else None.

    Lines without a customer and lines left out on purpose do not count.
    """
    failed = [each for each in log.findings if each.name in rules.UNREADABLE & log.rejected_by_rule.keys()]
    lines = sum(each.lines for each in failed)
    lost = sum(each.value or 0.0 for each in failed)
    value = lost / (lost + log.value) if lost else 0.0
    if max(lines / log.lines_read, value) <= limit:
        return None
    of_value = f" and {value:.1%} of the value" if value >= 0.0005 else ""
    return f"{lines / log.lines_read:.1%} of the lines{of_value} could not be read; {failed[0]}"


def _missing_history(log: TransactionLog | SparkLog, as_of: date, horizon_days: int) -> str | None:
    """Explain why the history is too short to hold out a window; None if it is not."""
    if as_of < log.first_day:
        return f"--as-of {as_of} is before the first purchase on {log.first_day}: choose a later day"
    history = (as_of - log.first_day).days + 1
    if history // 2 < min(horizon_days, _SHORTEST_WINDOW_DAYS):
        return (
            f"the history has {history:,} days up to {as_of}, too few to hold out a window of "
            f"{min(horizon_days, _SHORTEST_WINDOW_DAYS)} days: give more data"
        )
    if (as_of - log.last_day).days >= min(horizon_days, history // 2):
        return (
            f"the data end on {log.last_day}, so long before --as-of {as_of} that nothing "
            "is left to hold out: choose an earlier day"
        )
    return None


def _too_few(repeaters: int, customers: int, as_of: date) -> str | None:
    if repeaters >= MINIMUM_REPEATERS:
        return None
    return (
        f"only {repeaters} of {customers:,} customers had bought again by {as_of}, but at least "
        f"{MINIMUM_REPEATERS} are needed to fit a model: use a longer history"
    )


def holdout_days(log: TransactionLog | SparkLog, as_of: date, horizon_days: int) -> int:
    """Length of the window that is held out: the horizon, or half of a history shorter than two horizons.

    Raises
    ------
    HistoryError
        If nothing can be held out.
    """
    problem = _missing_history(log, as_of, horizon_days)
    if problem:
        raise HistoryError(f"{log.source}: {problem}")
    return min(horizon_days, ((as_of - log.first_day).days + 1) // 2)


def _noticed(log: TransactionLog | SparkLog, as_of: date, horizon_days: int) -> list[DataFinding]:
    history = (as_of - log.first_day).days + 1
    noticed = [*log.findings]
    if (later := day_after_the_data(log, as_of)) is not None:
        noticed.append(later)
    if log.repeated_lines and log.params.duplicates == "keep":
        noticed.append(
            told("repeated_lines", facts={"count": f"{log.repeated_lines:,}"}, lines=log.repeated_lines)
        )
    if history < 2 * horizon_days:
        facts = {"history": f"{history:,}", "horizon": f"{horizon_days:,}", "held_out": f"{history // 2:,}"}
        noticed.append(told("short_history", facts=facts))
    elif history <= _WINDOWS_WANTED * horizon_days:
        most = str(max(1, (history - 1) // _WINDOWS_WANTED))
        noticed.append(
            told("few_horizons", facts={"horizons": f"{history / horizon_days:.1f}", "most": most})
        )
    return noticed
