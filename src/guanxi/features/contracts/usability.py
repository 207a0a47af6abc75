"""Assessment of what contract data can support, and what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import explain_no_space
from guanxi.data.usability import Usability
from guanxi.features.contracts.snapshots import feature_expression, opportunity_expression
from guanxi.periods import add_days

_PERIODS = {"D": "day", "W": "week", "M": "month", "Q": "quarter", "Y": "year"}


def assess_contracts(log: ContractLog, as_of: date, horizon_days: int) -> Usability:
    """Assess what contract data can support.

    Parameters
    ----------
    log : ContractLog
    as_of : date
        The last day that may be used; of a file of customers its day.
    horizon_days : int
        Length of the window to predict.
    """
    counts = _counts(log, as_of)
    numbers = {
        "lines_read": log.lines_read,
        "lines_accepted": log.lines_accepted,
        "customers": log.customers,
        "customers_without_contract": log.customers_without_contract,
        **counts,
        "first_day": log.first_day.isoformat(),
        "as_of": as_of.isoformat(),
        "horizon_days": horizon_days,
        "rejected_by_rule": log.rejected_by_rule,
        "findings": [finding.as_dict() for finding in log.findings],
    }
    rejected = [(rule, n, n / log.lines_read) for rule, n in log.rejected_by_rule.items() if n]
    rejected.sort(key=lambda item: -item[1])
    problem = missing(counts, as_of) or _missing_window(log, as_of, horizon_days)
    left_out = [f"column {name!r} is left out: it {why}" for name, why in log.left_out.items()]
    warnings = [*([problem] if problem else []), *map(str, log.findings), *left_out]
    usable = problem is None
    return Usability(_facts(log, counts, as_of), rejected, warnings, usable, numbers, noticed=log.findings)


def missing(counts: Mapping[str, Any], day: date) -> str | None:
    """Say what is missing to learn from what was known on a day; None if nothing is.

    Parameters
    ----------
    counts : mapping
        ``present`` (customers under contract), ``opportunities`` (of renewal until then), ``not_renewed``.
    day : date

    Examples
    --------
    >>> missing({"present": 3, "opportunities": 0}, date(2024, 1, 31))
    'no contract had come up for renewal by 2024-01-31: give a longer history'
    """
    if not counts["present"]:
        return f"no customer is under contract on {day}: choose an earlier --as-of"
    if not counts["opportunities"]:
        return f"no contract had come up for renewal by {day}: give a longer history"
    if 0 < counts["not_renewed"] < counts["opportunities"]:
        return None
    which = "nobody left" if not counts["not_renewed"] else "nobody renewed"
    return (
        f"{which} at any of {counts['opportunities']:,} renewal opportunities by {day}: retention cannot be "
        "estimated; give data with customers who left and customers who stayed"
    )


def _facts(log: ContractLog, counts: dict[str, Any], as_of: date) -> list[tuple[str, str]]:
    amount, share = counts["amount"], counts["not_renewed"] / max(1, counts["opportunities"])
    attributes = [] if log.attributes is None else [c for c in log.attributes.columns if c != "customer_id"]
    days = (as_of - log.first_day).days + 1
    dates = [
        ("first to last day", f"{log.first_day} to {log.last_day}"),
        ("history up to", f"{as_of} ({days:,} days)"),
    ]
    return [
        ("source", log.source),
        ("form", log.form),
        ("lines read", f"{log.lines_read:,}"),
        ("accepted", f"{log.lines_accepted:,} ({log.lines_accepted / log.lines_read:.1%})"),
        ("rejected", f"{log.lines_read - log.lines_accepted:,}"),
        *([("day of the file", str(as_of))] if log.form == "customers" else dates),
        ("customers", f"{log.customers:,}"),
        ("customers without an accepted contract", f"{log.customers_without_contract:,}"),
        (f"under contract on {as_of}", f"{counts['present']:,}"),
        ("renewal opportunities until then", f"{counts['opportunities']:,}"),
        ("not renewed", f"{counts['not_renewed']:,} ({share:.1%} of the opportunities)"),
        (
            f"amount per {_PERIODS[log.params.period]}, of those under contract",
            "unknown: the data have no amounts" if amount is None else f"{amount:,.2f}",
        ),
        ("attributes", ", ".join(attributes) or "none"),
    ]


def _counts(log: ContractLog, day: date) -> dict[str, Any]:
    """Count who is under contract, and renewal opportunities up to a day."""
    present = feature_expression(log.contracts, None, day, log.params)
    rows = opportunity_expression(log.contracts, None, day, log.params)
    with explain_no_space():
        now = present.agg(n=present.count(), amount=present.amount.sum()).execute().fillna(0).iloc[0]
        past = rows.agg(n=rows.count(), not_renewed=rows.churned.sum()).execute().fillna(0).iloc[0]
    return {
        "present": int(now["n"]),
        "amount": float(now["amount"]) if log.has_amounts else None,
        "opportunities": int(past["n"]),
        "not_renewed": int(past["not_renewed"]),
    }


def _missing_window(log: ContractLog, as_of: date, horizon_days: int) -> str | None:
    """Say why a window of the horizon cannot be held out; None if it can, or need not be."""
    if log.form == "customers":
        return None
    cutoff = add_days(as_of, -horizon_days)
    problem = (
        f"the contracts begin on {log.first_day}"
        if cutoff <= log.first_day
        else missing(_counts(log, cutoff), cutoff)
    )
    if problem is None:
        return None
    return (
        f"a window of {horizon_days:,} days up to {as_of} cannot be held out: {problem.partition(':')[0]}; "
        "choose a shorter --horizon, or give a longer history"
    )
