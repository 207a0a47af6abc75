"""Every line read is accepted, or rejected under the name of the first rule it breaks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import data_digest, read_transactions
from guanxi.errors import DataError
from guanxi.params import DataParams

Reader = Callable[..., Any]
COLUMNS = ["customer_id", "timestamp", "amount", "note"]
DAYS = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-05", "2020-01-06", "2020-02-03"]
times = st.sampled_from(DAYS).flatmap(lambda day: st.sampled_from([day, f"{day} 09:30", f"{day}T23:59:59"]))
dirty_row = st.tuples(
    st.sampled_from(["a", "b", "c", "007", " ", "", None]),
    st.one_of(
        times, times, times, st.sampled_from(["", None, "2020-02-30", "soon", "infinity", "2999-01-01"])
    ),
    st.one_of(
        st.sampled_from(["0.1", "0.2", "-0.3", "0", "1.5", "-1.5", "-2", "1e3", " 5 "]),
        st.sampled_from(["", None, "x", "1,23.5", "inf", "-inf", "nan"]),
    ),
    st.sampled_from(["", "x"]),
)
policies = st.builds(
    DataParams,
    refunds=st.sampled_from(["net", "drop", "reject"]),
    duplicates=st.sampled_from(["keep", "drop"]),
    duplicates_ignore=st.sampled_from([(), ("note",)]),
    event_grain=st.sampled_from(["D", "W", "M", "Y"]),
)


def blank(text: str | None) -> bool:
    return text is None or not text.strip()


def broken_rule(row: tuple[Any, ...], repeated: bool, params: DataParams) -> str | None:
    """The rules once more, one line at a time."""
    customer, time, amount, _ = row
    if blank(customer):
        return "missing_customer"
    if blank(time):
        return "missing_timestamp"
    if time.startswith("2999"):
        return "future_timestamp"
    if time[:10] not in DAYS:
        return "unparsable_timestamp"
    if blank(amount) or amount == "nan":
        return "missing_amount"
    if amount in ("x", "1,23.5"):
        return "unparsable_amount"
    if amount in ("inf", "-inf"):
        return "non_finite_amount"
    if repeated and params.duplicates == "drop":
        return "duplicate_line"
    if Decimal(amount.strip()) < 0:
        return {"net": None, "drop": "refund_dropped", "reject": "refund_without_policy"}[params.refunds]
    return None


def reference(rows: list[tuple[Any, ...]], params: DataParams) -> tuple[list[str | None], dict[Any, Decimal]]:
    """Rule of each line, and the purchases by customer and day."""
    seen: set[Any] = set()
    rules: list[str | None] = []
    for row in rows:
        compared = row[:3] if params.duplicates_ignore else row
        rules.append(broken_rule(row, compared in seen, params))
        seen.add(compared)
    days: dict[Any, list[int]] = defaultdict(list)
    for i, rule in enumerate(rules):
        if rule is None:
            days[rows[i][0], rows[i][1][:10]].append(i)
    purchases = {}
    for key, lines in days.items():
        net = sum((Decimal(rows[i][2].strip()) for i in lines), Decimal(0))
        if net < 0:
            for i in lines:
                rules[i] = "refund_beyond_purchase"
        else:
            purchases[key] = net
    return rules, purchases


@settings(max_examples=8, deadline=None)
@given(rows=st.lists(dirty_row, max_size=40), params=policies)
def test_lines_add_up_and_rules_agree_with_a_line_by_line_reading(
    rows: list[tuple[Any, ...]], params: DataParams
) -> None:
    rows = [*rows, ("sure", "2020-01-03", "1", "")]
    expected, purchases = reference(rows, params)
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype="str")
    log = read_transactions(frame, params)

    assert log.lines_read == len(rows)
    assert log.lines_accepted + sum(log.rejected_by_rule.values()) == log.lines_read
    assert log.rejected_by_rule == dict(Counter(rule for rule in expected if rule))
    rejected = log.rejected.execute()
    assert rejected["line_number"].tolist() == [i + 1 for i, rule in enumerate(expected) if rule]
    assert rejected["rule"].tolist() == [rule for rule in expected if rule]
    original = frame.iloc[rejected["line_number"] - 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(rejected[COLUMNS].astype("str"), original.astype("str"))

    events = log.events.execute()
    given_events = {
        (row.customer_id, str(row.date)[:10]): row.amount for row in events.itertuples(index=False)
    }
    assert given_events == pytest.approx({key: float(net) for key, net in purchases.items()}, abs=1e-12)
    assert events["lines"].sum() == log.lines_accepted
    known = {row[0] for row in rows if not blank(row[0])}
    assert log.customers == len({customer for customer, _ in purchases})
    assert log.customers + log.customers_without_purchase == len(known)
    log.close()


def frame(*rows: tuple[Any, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])


def test_zero_amounts_are_purchases() -> None:
    log = read_transactions(frame((1, "2020-01-01", 0.0), (1, "2020-01-02", 0.0)))
    assert log.events.execute()["amount"].tolist() == [0.0, 0.0]
    assert log.rejected_by_rule == {}


def test_sums_that_are_zero_but_for_rounding_are_zero_and_stay() -> None:
    log = read_transactions(
        frame(*((1, "2020-01-01", amount) for amount in (0.1, 0.2, -0.3, 1e9, -1e9, -0.1, 0.1)))
    )
    assert log.events.execute()["amount"].tolist() == [0.0]


@pytest.mark.parametrize("grain", ["D", "W", "M"])
def test_refunds_net_within_the_day_whatever_the_event_grain(grain: Any) -> None:
    """A refund of a later day cannot undo an earlier purchase: the past would depend on the future."""
    lines = frame((1, "2020-01-06", 5.0), (1, "2020-01-06", -2.0), (1, "2020-01-07", -9.0))
    log = read_transactions(lines, DataParams(event_grain=grain))
    assert log.rejected_by_rule == {"refund_beyond_purchase": 1}
    events = log.events.execute()
    assert (events["amount"].tolist(), events["refunded"].tolist()) == ([3.0], [2.0])


def test_a_day_left_negative_is_rejected_with_all_its_lines() -> None:
    lines = frame((1, "2020-01-06", 5.0), (1, "2020-01-06 20:00", -9.0), (2, "2020-01-06", 1.0))
    log = read_transactions(lines)
    assert log.rejected_by_rule == {"refund_beyond_purchase": 2}
    assert log.customers_without_purchase == 1


def test_repeated_lines_are_counted_even_where_they_are_kept() -> None:
    lines = frame(*[(1, "2020-01-01", 2.0)] * 3, (None, "2020-01-01", 2.0), (None, "2020-01-01", 2.0))
    kept, dropped = read_transactions(lines), read_transactions(lines, DataParams(duplicates="drop"))
    assert (kept.repeated_lines, dropped.repeated_lines) == (3, 3)
    assert kept.events.execute()["amount"].tolist() == [6.0]
    assert dropped.events.execute()["amount"].tolist() == [2.0]
    assert dropped.rejected_by_rule == {"duplicate_line": 2, "missing_customer": 2}


def test_lines_with_gaps_repeat_each_other_too() -> None:
    lines = frame((1, "2020-01-01", 2.0), (1, "2020-01-01", 2.0)).assign(note=[None, None])
    assert read_transactions(lines).repeated_lines == 1


def test_all_columns_ignored_leaves_the_first_line() -> None:
    ignored = ("customer_id", "timestamp", "amount")
    params = DataParams(duplicates="drop", duplicates_ignore=ignored)
    log = read_transactions(frame((1, "2020-01-01", 2.0), (2, "2020-01-02", 3.0)), params)
    assert log.rejected_by_rule == {"duplicate_line": 1}


@pytest.mark.parametrize(
    ("row", "advice"),
    [
        ((None, "2020-01-01", 1.0), "missing_customer 1.*: map customer_id to the column that names"),
        ((1, None, 1.0), "missing_timestamp 1.*: map timestamp to the column that holds the time"),
        (
            (1, "2999-01-01", 1.0),
            "future_timestamp 1.*: these times are in the future: check data.timestamp_format",
        ),
        (
            (1, "soon", 1.0),
            "unparsable_timestamp 1.*look like 'soon': map timestamp to the column that holds the time",
        ),
        ((1, "2020-01-01", None), "missing_amount 1.*: map amount to a complete column of numbers"),
        (
            (1, "2020-01-01", "1,23.5"),
            "unparsable_amount 1.*amount has numbers like '1,23.5': map it to a column of plain numbers",
        ),
        ((1, "2020-01-01", "inf"), "non_finite_amount 1.*: map amount"),
        ((1, "2020-01-01", -1.0), "refund_beyond_purchase 1.*: amounts are negative: check the sign"),
    ],
)
def test_all_lines_rejected_says_why_and_what_to_do(row: tuple[Any, ...], advice: str) -> None:
    with pytest.raises(DataError, match=r"all 1 lines were rejected \(" + advice) as caught:
        read_transactions(frame(row))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_digest_sees_lines_and_not_their_order() -> None:
    rows = [(1, "2020-01-01", 2.0), (2, "2020-01-02", 3.0), (2, "2020-01-02", 3.0)]
    digest = data_digest(read_transactions(frame(*rows)))
    assert data_digest(read_transactions(frame(*rows[::-1]))) == digest
    assert data_digest(read_transactions(frame(*rows[:2]))) != digest
    assert data_digest(read_transactions(frame(*rows[:2], (2, "2020-01-02", 3.01)))) != digest
