"""Spells of contracts without a gap, and what was paid in them, as they were known on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import ibis

from guanxi.data.contracts.calendar import add_periods, literal_day, whole_periods
from guanxi.params import ContractParams
from guanxi.periods import add_days

_NEVER = date(9999, 12, 31)


def contracts_until(contracts: Any, as_of: date, params: ContractParams) -> Any:
    """Keep what was known of contracts on a day: those that had started, with the ends that had come.

    Adds ``spell`` (from 1 for each customer).
    """
    day = literal_day(as_of)
    known = contracts.filter(contracts.start <= day)
    known = known.mutate(end=ibis.ifelse(known.end > day, ibis.null("date"), known.end))
    customers = {"group_by": "customer_id", "order_by": ["start", "line_number"]}
    if params.overlaps == "replace":
        following = known.start.lead().over(ibis.window(**customers))
        known = known.mutate(end=ibis.least(known.end, following))
        known = known.filter(known.end.isnull() | (known.end > known.start))
    until = known.mutate(until=known.end.fill_null(_NEVER))
    reached = until.mutate(reached=until.until.max().over(ibis.cumulative_window(**customers)))
    before = reached.reached.lag().over(ibis.window(**customers))
    gap = reached.start.delta(before, unit="day") > params.grace_days
    numbered = reached.mutate(new=_mark(before.isnull() | gap))
    numbered = numbered.mutate(spell=numbered.new.count().over(ibis.cumulative_window(**customers)))
    return numbered.drop("until", "reached", "new")


def _mark(condition: Any) -> Any:
    """Return 1 or null, to be counted: the engine's sums of integers have a type of their own."""
    return ibis.ifelse(condition, 1, ibis.null("int64"))


def spells_until(known: Any, as_of: date, params: ContractParams) -> Any:
    """Return the spells of :func:`contracts_until`.

    Columns: ``customer_id, spell, start, end`` (null: under contract), ``left`` (renewal opportunities up to
    the end, the last of which was declined), ``renewals`` (opportunities that have passed; only for those
    under contract all were taken), ``entry`` (made before the observation began), ``last`` (the last
    opportunity of known outcome), ``periods_away`` (since the end of the spell before).
    """
    seen = literal_day(add_days(as_of, -params.grace_days))
    spells = known.group_by("customer_id", "spell").agg(
        start=known.start.min(), running=known.end.isnull().any(), until=known.end.max()
    )
    ended = ~spells.running & (spells.until <= seen)
    spells = spells.mutate(end=ibis.ifelse(ended, spells.until, ibis.null("date")))
    whole = whole_periods(spells.start, spells.end, params.period)
    over = (add_periods(spells.start, whole, params.period) < spells.end).cast("int64")
    before = spells.until.lag().over(ibis.window(group_by="customer_id", order_by="spell"))
    spells = spells.mutate(
        left=(whole + over).clip(lower=1),
        renewals=whole_periods(spells.start, seen, params.period).clip(lower=0),
        periods_away=whole_periods(before, spells.start, params.period),
    )
    spells = spells.mutate(last=ibis.least(spells.renewals, spells.left.fill_null(_FAR)))
    return spells.mutate(entry=_entry(spells, params)).drop("running", "until")


_FAR = 10**9


def _entry(spells: Any, params: ContractParams) -> Any:
    if params.observed == "history":
        return ibis.literal(0, "int64")
    if params.observed == "last_period":
        return (spells.last - 1).clip(lower=0)
    passed = whole_periods(spells.start, literal_day(params.observed), params.period)
    return passed.clip(lower=0)


def states_of(known: Any, spells: Any) -> Any:
    """Return the stretches of a spell in which amount and plan stay the same.

    One row per stretch with the columns of :func:`spells_until`; ``since`` and ``until`` (its first day and
    the first day of the next; null: the last), ``amount`` (the sum over parallel contracts), ``plan`` (of the
    latest), ``first_amount, amount_changes`` (so far in the spell), ``changed`` (the day of the last change
    of the amount, or the start), ``last_change`` (relative, 0 without one).
    """
    days = [known.select("customer_id", "spell", day=known[name]) for name in ("start", "end")]
    days = days[0].union(days[1]).filter(ibis._.day.notnull()).distinct()
    there = days.inner_join(
        known,
        [
            days.customer_id == known.customer_id,
            days.spell == known.spell,
            known.start <= days.day,
            known.end.isnull() | (known.end > days.day),
        ],
    )
    order = ibis.struct({"start": there.start, "line_number": there.line_number})
    paid = there.group_by("customer_id", "spell", "day").agg(
        # Decimal sums do not depend on their order.
        amount=there.amount.cast("decimal(38, 6)").sum().cast("float64"),
        plan=there.plan.argmax(order),
        channel=there.channel.argmin(order),
    )
    return _with_changes(paid).inner_join(spells, ["customer_id", "spell"])


def _with_changes(paid: Any) -> Any:
    within = {"group_by": ["customer_id", "spell"], "order_by": "day"}
    lag, so_far = ibis.window(**within), ibis.cumulative_window(**within)
    before = paid.amount.lag().over(lag)
    moved = (before != paid.amount).fill_null(False)
    steps = paid.mutate(
        moved=moved,
        change=ibis.ifelse(moved & (before > 0), paid.amount / before - 1, ibis.null("float64")),
        first=paid.day.lag().over(lag).isnull(),
    )
    steps = steps.mutate(day_moved=ibis.ifelse(steps.moved | steps.first, steps.day, ibis.null("date")))
    steps = steps.mutate(
        since=steps.day,
        until=steps.day.lead().over(lag),
        amount_changes=_mark(steps.moved).count().over(so_far),
        changed=steps.day_moved.max().over(so_far),
        first_amount=steps.amount.first().over(so_far),
        block=steps.change.count().over(so_far),
    )
    last = steps.change.max().over(ibis.window(group_by=["customer_id", "spell", "block"]))
    return steps.mutate(last_change=last.fill_null(0.0)).drop(
        "day", "moved", "change", "first", "day_moved", "block"
    )
