"""Plausibility of accepted lines: what is far out of line is named, with the setting that acts on it.

Nothing is changed here. Bounds are robust, from quartiles, so that what they are to find cannot move them.
"""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import ibis
import pandas as pd

from guanxi.data._findings import DataFinding, Phrase, counted, told
from guanxi.params import DataParams

Rows = Callable[[Any], Any]  # from an expression to a pandas.DataFrame
SHOWN = 3
_IQRS = 5.0  # quartile ranges, on the scale of logarithms, beyond which an amount is far out
_LEAST_IQR = math.log(2.0)
_FEWEST_AMOUNTS = 20
_LEAST_SHARE_OF_VALUE = 0.01
_FAR = timedelta(days=3650)  # a day further away than this, and than three quartile ranges, is far out
_DAY_IQRS = 3
_DOMINANT_SHARE = 0.05
_DOMINANT_TIMES = 10  # times the ninth decile of the customers
_FEWEST_CUSTOMERS = 20
_FEWEST_DAYS = 6
_LINES_OF_A_PERIOD = 3  # on each day, or the log is only short


def examine(lines: Any, params: DataParams, rows: Rows) -> tuple[DataFinding, ...]:
    """Examine accepted lines.

    Parameters
    ----------
    lines : ibis.Table
        As :attr:`.transactions.TransactionLog.lines`.
    params : DataParams
    rows : callable
        Collects a small table from the engine.
    """
    days = lines.group_by("date").agg(lines=lines.count(), value=lines.amount.abs().sum())
    days = rows(days.order_by("date"))
    days["date"] = pd.to_datetime(days["date"]).dt.date
    bound = _largest_plausible(lines, rows)
    return (
        *_amounts_far_out(lines, bound, days["value"].sum(min_count=1), rows),
        *_days_far_out(days),
        *_periods(days, params),
        # All lines of data without amounts, where the comparison is null.
        *_dominant_customers(lines.filter((lines.amount.abs() <= bound).fill_null(True)), params, rows),
        *_ids_in_two_cases(lines, rows),
        *_shortened_ids(lines, rows),
    )


def rounded(value: float) -> float | None:
    """Round to twelve digits: sums by several threads differ in the last bits; None if unknown."""
    return None if math.isnan(value) else float(f"{value:.12g}")


def _largest_plausible(lines: Any, rows: Rows) -> float:
    """Return the bound above which an amount, positive or negative, is far out."""
    some = lines.filter(lines.amount != 0)
    size = some.amount.abs()
    facts = some.agg(n=some.count(), low=size.quantile(0.25), high=size.quantile(0.75))
    quartiles = rows(facts).iloc[0].astype(float)
    if quartiles["n"] < _FEWEST_AMOUNTS:
        return math.inf
    spread = max(math.log(quartiles["high"] / quartiles["low"]), _LEAST_IQR)
    return float(quartiles["high"] * math.exp(min(_IQRS * spread, 100.0)))


def _amounts_far_out(lines: Any, bound: float, total: float, rows: Rows) -> Iterator[DataFinding]:
    size = lines.amount.abs()
    far, inside = lines.filter(size > bound), lines.filter(size <= bound)
    found = rows(far.agg(lines=far.count(), value=far.amount.abs().sum())).iloc[0]
    if not found["lines"] or found["value"] < _LEAST_SHARE_OF_VALUE * total:
        return
    largest = float(rows(inside.agg(largest=inside.amount.abs().max()))["largest"].iloc[0])
    # Spark numbers no lines.
    key, place = (
        ("line_number", "line {:,}") if "line_number" in far.columns else ("customer_id", "customer {}")
    )
    order = [ibis.desc(far.amount.abs()), key]
    top = rows(far.order_by(order).select("amount", order=far[key]).limit(SHOWN))
    setting = f"data.max_amount={_limit_above(largest, bound):.15g}"
    yield told(
        "amount_far_out",
        facts={
            "lines": counted("lines", int(found["lines"])),
            "largest": f"{largest:,.15g}",
            "share": f"{found['value'] / total:.1%}",
            "setting": setting,
        },
        lines=int(found["lines"]),
        value=rounded(found["value"]),
        examples=tuple(f"{place.format(row.order)}: {row.amount:,.15g}" for row in top.itertuples()),
        setting=setting,
    )


def _limit_above(inside: float, bound: float) -> float:
    """Return a round number from the largest plausible amount to the bound, if there is one."""
    step = 10.0 ** (math.floor(math.log10(inside)) - 1)
    limit = math.ceil(inside / step) * step
    return limit if limit <= bound else inside


def _days_far_out(days: pd.DataFrame) -> Iterator[DataFinding]:
    counts = days["lines"].cumsum() / days["lines"].sum()
    early, late = (days["date"].iloc[int((counts < share).sum())] for share in (0.25, 0.75))
    far = max(_FAR, _DAY_IQRS * (late - early))
    before, after = days[early - days["date"] > far], days[days["date"] - late > far]
    inner = days.drop(index=[*before.index, *after.index])["date"]
    for name, found, key, limit in (
        ("days_far_before", before, "first_day", inner.iloc[0]),
        ("days_far_after", after, "last_day", inner.iloc[-1]),
    ):
        if len(found):
            yield told(
                name,
                facts={
                    "lines": counted("lines", int(found["lines"].sum())),
                    "days": _days(found["date"]),
                    "first": str(inner.iloc[0]),
                    "last": str(inner.iloc[-1]),
                    "limit": str(limit),
                },
                lines=int(found["lines"].sum()),
                value=rounded(found["value"].sum(min_count=1)),
                examples=tuple(map(str, found["date"].head(SHOWN))),
                setting=f"data.{key}={limit}",
            )


def _periods(days: pd.DataFrame, params: DataParams) -> Iterator[DataFinding]:
    """Say that a log has one day per month or year: purchases within the period are one."""
    months = {(day.year, day.month) for day in days["date"]}
    yearly = len({day.year for day in days["date"]}) == len(days)
    grain = "Y" if yearly else "M"
    lines = int(days["lines"].sum())
    if len(days) > len(months) or params.event_grain == grain:
        return
    if len(days) < _FEWEST_DAYS or lines < _LINES_OF_A_PERIOD * len(days):
        return  # few purchases far apart
    yield told(
        "yearly_log" if yearly else "monthly_log",
        facts={"days": _days(days["date"])},
        lines=lines,
        value=rounded(days["value"].sum(min_count=1)),
        examples=tuple(map(str, days["date"].head(SHOWN))),
        setting=f"data.event_grain={grain}",
    )


def _dominant_customers(lines: Any, params: DataParams, rows: Rows) -> Iterator[DataFinding]:
    customers = lines.group_by("customer_id").agg(lines=lines.count(), value=lines.amount.abs().sum())
    facts = rows(
        customers.agg(
            n=customers.count(),
            lines=customers.lines.sum(),
            value=customers.value.sum(),
            most_lines=customers.lines.max(),
            most_value=customers.value.max(),
            usual_lines=customers.lines.quantile(0.9),
            usual_value=customers.value.quantile(0.9),
        )
    ).iloc[0]
    if facts["n"] < _FEWEST_CUSTOMERS:
        return
    limits = {
        name: (_DOMINANT_SHARE * float(facts[name]), _DOMINANT_TIMES * float(facts[f"usual_{name}"]))
        for name in ("lines", "value")
        if pd.notna(facts[name])
    }
    if not any(
        facts[f"most_{name}"] >= least and facts[f"most_{name}"] > above
        for name, (least, above) in limits.items()
    ):
        return
    outlying = [
        (customers[name] >= least) & (customers[name] > above) for name, (least, above) in limits.items()
    ]
    found = rows(customers.filter(ibis.or_(*outlying)).order_by(ibis.desc("lines"), "customer_id"))
    ids = [*(params.guests or ()), *map(str, found["customer_id"])]
    setting = f"data.guests={json.dumps(ids, ensure_ascii=False)}"
    value, lines_of = found["value"].sum(min_count=1), int(found["lines"].sum())
    known = not pd.isna(value)
    one = {"customer": repr(str(found["customer_id"].iloc[0]))}
    several = {"count": f"{len(found):,}"}
    sentences = (
        ("dominant_customer", "dominant_customer_without_value")
        if len(found) == 1
        else ("dominant_customers", "dominant_customers_without_value")
    )
    yield told(
        "dominant_customer",
        sentences[0 if known else 1],
        facts={
            **(one if len(found) == 1 else several),
            "of_lines": f"{lines_of / facts['lines']:.1%}",
            **({"of_value": f"{value / (facts['value'] or 1.0):.1%}"} if known else {}),
            "setting": shlex.quote(setting),
        },
        lines=lines_of,
        value=rounded(value) if known else None,
        examples=tuple(map(str, found["customer_id"].head(SHOWN))),
        setting=setting,
    )


def _ids_in_two_cases(lines: Any, rows: Rows) -> Iterator[DataFinding]:
    if not lines.customer_id.type().is_string():
        return
    written = lines.group_by("customer_id").agg(lines=lines.count(), value=lines.amount.abs().sum())
    alike = written.group_by(key=written.customer_id.lower()).agg(
        ways=ibis._.count(), one=written.customer_id.min(), other=written.customer_id.max(),
        lines=written.lines.sum(), value=written.value.sum(),
    )  # fmt: skip
    found = rows(alike.filter(alike.ways > 1).order_by(ibis.desc("lines"), "key"))
    if len(found):
        yield told(
            "ids_in_two_cases",
            facts={"count": f"{len(found):,}"},
            lines=int(found["lines"].sum()),
            value=rounded(found["value"].sum(min_count=1)),
            examples=tuple(f"{row.one} and {row.other}" for row in found.head(SHOWN).itertuples()),
        )


def _days(days: pd.Series[Any]) -> Phrase:
    facts = {"first": str(days.iloc[0]), "last": str(days.iloc[-1]), "count": f"{len(days):,}"}
    return Phrase("phrases", "one_day" if len(days) == 1 else "days", tuple(facts.items()))


def _shortened_ids(lines: Any, rows: Rows) -> Iterator[DataFinding]:
    """Name identifiers that a spreadsheet shortened, as in 1.23457E+11."""
    if not lines.customer_id.type().is_string():
        return
    short = lines.filter(lines.customer_id.re_search(r"^[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{2,}$"))
    found = rows(short.agg(lines=short.count(), customers=short.customer_id.nunique())).iloc[0]
    if not found["lines"]:
        return
    examples = rows(short.select("customer_id").distinct().order_by("customer_id").limit(SHOWN))
    yield DataFinding(
        "shortened_ids",
        f"{int(found['lines']):,} lines of {found['customers']:,} customers have an identifier that a "
        "spreadsheet shortened, so that several customers may share it: export that column as text",
        lines=int(found["lines"]),
        examples=tuple(examples["customer_id"]),
    )
