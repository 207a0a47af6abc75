"""Columns that are not mapped may say that currencies differ, or that orders did not stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data._findings import DataFinding
from guanxi.data.transactions import read_transactions
from guanxi.params import DataParams


def findings(added: dict[str, Any], n: int = 200, **params: Any) -> dict[str, DataFinding]:
    table = pd.DataFrame(
        {
            "customer_id": [f"C{i % 40}" for i in range(n)],
            "timestamp": pd.date_range("2020-01-01", periods=n).strftime("%Y-%m-%d"),
            "amount": 10.0,
        }
    ).assign(**added)
    return {each.name: each for each in read_transactions(table, DataParams(**params)).findings}


def taken(*values: Any, n: int = 200) -> Any:
    return np.resize(np.array(values, dtype=object), n)


@pytest.mark.parametrize("name", ["currency", "Currency Code", "Währung", "币种", "iso"])
@pytest.mark.slow
def test_several_currencies_are_said(name: str) -> None:
    found = findings({name: taken("EUR", "EUR", "EUR", "JPY")})
    assert set(found) == {"several_currencies"}
    each = found["several_currencies"]
    assert (each.lines, each.value, each.setting) == (50, 500.0, None)
    assert each.examples == ("EUR: 150 lines", "JPY: 50 lines")
    assert f"column {name} has 2 currencies" in each.text


@pytest.mark.parametrize(
    "columns",
    [
        {"currency": taken("EUR")},
        {"currency": taken("EUR", None)},
        {"country": taken("DEU", "JPN", "USA")},
        {"size": taken("S", "M", "XL")},
    ],
)
def test_one_currency_and_other_codes_are_no_reason(columns: dict[str, Any]) -> None:
    assert findings(columns) == {}


def test_without_amounts_currencies_do_not_matter() -> None:
    found = findings({"currency": taken("EUR", "JPY"), "amount": None}, columns={"amount": ""})
    assert set(found) == {"no_amounts"}


@pytest.mark.parametrize(
    ("name", "values", "lines"),
    [
        ("status", ("paid", "shipped", "cancelled", "refunded"), 100),
        ("Financial Status", ("paid", "paid", "partially_refunded", "voided"), 100),
        ("order_state", ("complete", "complete", "complete", "payment failed"), 50),
        ("Zustand", ("bezahlt", "bezahlt", "bezahlt", "storniert"), 50),
        ("estado", ("pagado", "Anulada", "pagado", "Devuelto"), 100),
        ("订单状态", ("交易成功", "交易成功", "交易关闭", "已取消"), 100),
        ("is_cancelled", (False, False, False, True), 50),
        ("Refunded?", ("no", "no", "no", "yes"), 50),
        ("void", (0, 0, 0, 1), 50),
    ],
)
def test_orders_that_did_not_stand_are_said(name: str, values: tuple[Any, ...], lines: int) -> None:
    column = pd.Series(taken(*values)).infer_objects()
    found = findings({name: column})
    assert set(found) == {"undone_orders"}
    assert (found["undone_orders"].lines, found["undone_orders"].value) == (lines, 10.0 * lines)
    assert f"column {name} says otherwise" in found["undone_orders"].text


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("status", ("paid", "shipped", "completed", "done")),
        ("state", ("CA", "NY", "TX", "FL")),
        ("is_cancelled", (False, False)),
        ("product", ("Avoid", "Canyon", "Returnable bottle", "Turnover")),
    ],
)
def test_other_words_are_no_reason(name: str, values: tuple[Any, ...]) -> None:
    assert findings({name: pd.Series(taken(*values)).infer_objects()}) == {}


def test_refunds_that_are_negative_are_netted_already() -> None:
    amount = np.resize([10.0, 10.0, -10.0, 10.0], 200)
    days = np.repeat(pd.date_range("2020-01-01", periods=50).strftime("%Y-%m-%d"), 4)
    columns = {
        "amount": amount,
        "timestamp": days,
        "customer_id": "a",
        "status": taken("a", "a", "refund", "a"),
    }
    assert "undone_orders" not in findings(columns)


def test_texts_of_many_values_are_not_read() -> None:
    notes = [f"please do not cancel order {i}" for i in range(200)]
    assert findings({"note": notes}) == {}
