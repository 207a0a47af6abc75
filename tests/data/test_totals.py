"""Lines of totals named like ``1000 Total`` are told by their sums; customers of such names stay."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.params import DataParams

COLUMNS = ["customer_id", "timestamp", "amount"]


def log_of(rows: list[tuple[Any, ...]], **params: Any) -> TransactionLog:
    return read_transactions(pd.DataFrame(rows, columns=COLUMNS), DataParams(**params))


def lines(customers: int = 40) -> list[tuple[str, str, float]]:
    """Three lines of each customer, sorted by customer, with amounts in cents that add up inexactly."""
    return [
        (str(1000 + n), f"2022-0{m}-{1 + n % 28:02d}", round(10.1 + n * m / 7, 2))
        for n in range(customers)
        for m in (1, 2, 3)
    ]


def with_totals(rows: list[tuple[str, str, float]], by: Any, name: str) -> list[tuple[Any, ...]]:
    """Write a total after each group, as Excel's Subtotal does."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    found: list[tuple[Any, ...]] = []
    for key, group in table.groupby(by(table), sort=True):
        found += list(group.itertuples(index=False, name=None))
        found.append((name.format(key), group["timestamp"].max(), round(group["amount"].sum(), 2)))
    return found


@pytest.mark.parametrize(
    "name",
    [
        *("{} Total", "Total {}", "Subtotal: {}", "{} Ergebnis", "Zwischensumme {}", "Total général {}"),
        *("{}小计", "小计 {}", "{} 汇总", "SUM ({})"),
    ],
)
@pytest.mark.slow
def test_totals_after_each_customer(name: str) -> None:
    log = log_of(with_totals(lines(), lambda table: table["customer_id"], name))
    assert log.rejected_by_rule == {"total_line": 40}
    assert log.customers == 40
    (found,) = (each for each in log.findings if each.name == "total_line")
    assert "--set 'data.totals=[]'" in found.text
    kept = log_of(with_totals(lines(), lambda table: table["customer_id"], name), totals=())
    assert (kept.customers, kept.rejected_by_rule) == (80, {})


@pytest.mark.parametrize("name", ["Subtotal {}", "{}小计", "Total for {}"])
def test_totals_of_each_month(name: str) -> None:
    rows = sorted(lines(), key=lambda row: row[1])
    log = log_of(with_totals(rows, lambda table: table["timestamp"].str[:7], name))
    assert (log.customers, log.rejected_by_rule) == (40, {"total_line": 3})


def test_totals_of_totals_and_the_grand_total() -> None:
    north = with_totals(lines(20), lambda table: table["customer_id"], "{} Total")
    south = [(f"2{row[0]}", *row[1:]) for row in north]
    rows = [*north, ("North Total", "2022-03-31", sum(row[2] for row in lines(20))), *south]
    rows += [("Grand Total", "2022-03-31", 2 * sum(row[2] for row in lines(20)))]
    log = log_of(rows)
    assert (log.customers, log.rejected_by_rule) == (40, {"total_line": 42})


def test_totals_apart_from_their_lines_are_known_by_the_customer() -> None:
    rows = with_totals(lines(), lambda table: table["customer_id"], "{} Total")
    assert log_of(sorted(rows, key=lambda row: row[1:])).rejected_by_rule == {"total_line": 40}


def test_customers_of_such_names_stay() -> None:
    rows = [*lines(), ("Total Wine", "2022-02-01", 10.0), ("Sum Inc", "2022-02-02", 20.0)]
    rows += [("Total Wine", "2022-02-05", 12.5), ("Acme Total", "2022-02-07", 7.0)]
    assert log_of(rows).rejected_by_rule == {}
    beside = with_totals(lines(), lambda table: table["customer_id"], "{} Total")
    log = log_of([*beside, ("Total Wine", "2022-02-01", 10.0), ("Totally", "2022-02-01", 10.0)])
    assert (log.customers, log.rejected_by_rule) == (42, {"total_line": 40})
