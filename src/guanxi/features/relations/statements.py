"""What customers said and answered up to a cutoff: comments, reasons to leave, questionnaires, ratings."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis
import pandas as pd

from guanxi.data.attribute_values import number_or_text
from guanxi.data.relations.rules import SATISFACTION
from guanxi.data.relations.tables import Relations
from guanxi.periods import add_days

_TIMES = {
    "tickets": "opened",
    "surveys": "timestamp",
    "interactions": "timestamp",
    "questionnaires": "timestamp",
    "cancellations": "timestamp",
}


def comments_until(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Comments of tickets, surveys, interactions, questionnaires and cancellations.

    Returns
    -------
    pandas.DataFrame
        Sorted: ``customer_id, day`` (missing: undated)``, text, source`` (relation)``, satisfaction`` (0 to
        1, of the same ticket or answer; that of a ticket closed later is unknown). A comment that several
        lines of one customer and day repeat stands once.
    """
    parts = [_comments(name, relations, cutoff) for name in _TIMES]
    keys = ["customer_id", "day", "text"]
    given = [part for part in parts if part is not None and len(part)]
    if not given:
        return pd.DataFrame(columns=[*keys, "source", "satisfaction"])
    found = pd.concat(given, ignore_index=True)
    found["text"] = found["text"].str.strip()
    once = found.groupby(keys, dropna=False, as_index=False)
    means = once.agg(source=("source", "first"), satisfaction=("satisfaction", "mean"))
    return means.sort_values(keys, kind="stable", ignore_index=True)


def reasons_until(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Find the reason of each customer's latest cancellation: ``customer_id, category, reason``.

    ``category`` is left out if not given. Empty without reasons.
    """
    rows = _rows(relations, "cancellations", cutoff)
    if rows is None or "reason" not in rows.columns:
        return pd.DataFrame()
    wanted = [name for name in ("customer_id", "timestamp", "category", "reason") if name in rows.columns]
    found: pd.DataFrame = rows.filter(rows.reason.notnull()).select(*wanted).execute()
    found = found.sort_values(wanted, na_position="first", kind="stable")
    latest = found.drop_duplicates("customer_id", keep="last").reset_index(drop=True)
    return latest.drop(columns="timestamp", errors="ignore")


def questionnaires_until(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Completed questionnaires: ``customer_id`` and every question, as numbers or text; empty without any."""
    rows = _rows(relations, "questionnaires", cutoff)
    if rows is None:
        return pd.DataFrame()
    kept = [name for name in rows.columns if name not in ("timestamp", "comment")]
    found: pd.DataFrame = rows.select(*kept).execute()
    found = found.sort_values(kept, kind="stable", ignore_index=True)
    return found.assign(**{name: number_or_text(found[name]) for name in kept if name != "customer_id"})


def ratings_until(relations: Relations, cutoff: date) -> pd.DataFrame:
    """Answers of surveys: ``customer_id, instrument, dimension, rating, expectation``, both from 0 to 1.

    Empty without surveys.
    """
    rows = _rows(relations, "surveys", cutoff)
    if rows is None:
        return pd.DataFrame()
    width = rows.scale_high - rows.scale_low
    unknown = {"dimension": ibis.null("string"), "expectation": ibis.null("float64")}
    given = {name: rows[name] if name in rows.columns else value for name, value in unknown.items()}
    answers = rows.select(
        "customer_id",
        "instrument",
        dimension=given["dimension"],
        rating=(rows.score - rows.scale_low) / width,
        expectation=(given["expectation"] - rows.scale_low) / width,
    )
    found: pd.DataFrame = answers.execute()
    return found.sort_values(list(found.columns), kind="stable", ignore_index=True)


def _rows(relations: Relations, name: str, cutoff: date) -> Any:
    """Rows of a relation up to the end of the cutoff day, and undated ones; None if it was not given."""
    table, time = relations.table(name), _TIMES[name]
    if table is None or time not in table.columns:
        return table
    end = ibis.literal(add_days(cutoff, 1)).cast("timestamp")
    return table.filter(table[time].isnull() | (table[time] < end))


def _comments(name: str, relations: Relations, cutoff: date) -> pd.DataFrame | None:
    rows = _rows(relations, name, cutoff)
    if rows is None or "comment" not in rows.columns:
        return None
    time = _TIMES[name]
    day = rows[time].date() if time in rows.columns else ibis.null("date")
    said = rows.filter(rows.comment.notnull()).select(
        "customer_id", day=day, text=rows.comment, satisfaction=_satisfaction(name, rows, cutoff)
    )
    found: pd.DataFrame = said.execute()
    return found.assign(day=pd.to_datetime(found["day"]), source=name)


def _satisfaction(name: str, rows: Any, cutoff: date) -> Any:
    if name == "surveys":
        return (rows.score - rows.scale_low) / (rows.scale_high - rows.scale_low)
    if "satisfaction" not in rows.columns:
        return ibis.null("float64")
    low, high = SATISFACTION
    rated = (rows.satisfaction - low) / (high - low)
    if "closed" not in rows.columns:
        return rated
    later = rows.closed >= ibis.literal(add_days(cutoff, 1)).cast("timestamp")
    return ibis.ifelse(later.fill_null(False), ibis.null("float64"), rated)
