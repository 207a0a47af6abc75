"""One message proposes the whole --columns, for the exports that people have."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.errors import SourceError
from guanxi.params import DataParams, parse_columns

DAYS = ["2020-01-01", "2020-01-05", "2020-02-01"]


def refusal(header: str, **params: Any) -> str:
    """The error for a file with these columns, all of the same content."""
    table = pd.DataFrame({name: ["7", "8", "7"] for name in header.split("|")})
    with pytest.raises(SourceError) as error:
        read_transactions(table, DataParams(**params))
    return str(error.value)


def proposal(message: str) -> dict[str, str]:
    """The columns that a message proposes."""
    option = shlex.split(re.split("map it with ", message)[1])
    assert option[0] == "--columns"
    assert len(option) == 2
    return parse_columns(option[1])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("customer|order_date|total", "customer|order_date|total"),
        ("Name|Email|Financial Status|Paid at|Created at|Subtotal|Total", "Email|Paid at|Total"),
        ("order_id|date_created|status|customer_id|billing_email|total", "customer_id|date_created|total"),
        ("id|Created (UTC)|Amount|Currency|Customer ID|Customer Email", "Customer ID|Created (UTC)|Amount"),
        ("Belegnummer|Kunde|Belegdatum|Betrag|Währung", "Kunde|Belegdatum|Betrag"),
        ("Kundennummer|Datum|Menge|Einzelpreis", "Kundennummer|Datum|Menge*Einzelpreis"),
        ("InvoiceNo|Quantity|InvoiceDate|UnitPrice|CustomerID", "CustomerID|InvoiceDate|Quantity*UnitPrice"),
        ("Invoice|Quantity|InvoiceDate|Price|Customer ID", "Customer ID|InvoiceDate|Quantity*Price"),
        ("RUT Cliente|Fecha Compra|Monto", "RUT Cliente|Fecha Compra|Monto"),
        ("Code client|Date de commande|Montant TTC", "Code client|Date de commande|Montant TTC"),
        ("订单号|客户|日期|金额", "客户|日期|金额"),
        ("会员编号|下单时间|数量|单价", "会员编号|下单时间|数量*单价"),
        ("order_id|customer_unique_id|order_purchase_timestamp|payment_value",
         "customer_unique_id|order_purchase_timestamp|payment_value"),
        ("Order ID|Order Date|Customer ID|Customer Name|Sales|Profit", "Customer ID|Order Date|Sales"),
        ("Customer's No|Day|Net amount", "Customer's No|Day|Net amount"),
        ("Customer|date_of_birth|Order date of sale|value", "Customer|Order date of sale|value"),
        ("Member|Order date|Total Items|Tax amount|Order sum", "Member|Order date|NAME"),
        ("Client|Order date|Discount amount|Total tax|Amount (incl. VAT)",
         "Client|Order date|Amount (incl. VAT)"),
        ("Client|Order date|Order quantity|Unit price", "Client|Order date|Order quantity*Unit price"),
    ],
)  # fmt: skip
def test_exports_of_many_programs(columns: str, expected: str) -> None:
    names = dict(zip(("customer_id", "timestamp", "amount"), expected.split("|"), strict=True))
    assert proposal(refusal(columns)) == {name: column for name, column in names.items() if name != column}


def test_the_message_names_all_that_is_missing_and_all_there_is() -> None:
    message = refusal("customer|order_date|total")
    for name in ("customer_id", "timestamp"):
        assert f"no column '{name}' for {name}" in message
    assert "it has customer, order_date, total: map it with --columns" in message
    assert "\n" not in message


def test_what_was_mapped_rightly_stays_and_what_is_wrong_is_mended() -> None:
    columns = {"customer_id": "Kunde", "amount": "Quantity*Pric"}
    message = refusal("Kunde|Datum|Quantity|Price", columns=columns)
    assert "no column 'Pric' for amount" in message
    assert proposal(message) == {"customer_id": "Kunde", "timestamp": "Datum", "amount": "Quantity*Price"}


def test_nothing_is_guessed_that_two_columns_could_be() -> None:
    assert proposal(refusal("a|b|c")) == {"customer_id": "NAME", "timestamp": "NAME", "amount": "NAME"}


def test_columns_without_a_telling_name_are_told_by_their_content() -> None:
    table = pd.DataFrame(
        {"1": ["k1", "k2", "k1"], "2": DAYS, "3": ["1.50", "20.10", "3.99"], "4": ["x", "x", "x"]}
    )
    with pytest.raises(SourceError) as error:
        read_transactions(table)
    assert proposal(str(error.value)) == {"customer_id": "1", "timestamp": "2", "amount": "3"}


def test_the_proposal_reads_the_file() -> None:
    table = pd.DataFrame({"Client": ["a", "b", "a"], "Fecha": DAYS, "Importe": [1.0, 2.0, 3.0]})
    with pytest.raises(SourceError) as error:
        read_transactions(table)
    log = read_transactions(table, DataParams(columns=proposal(str(error.value))))
    assert (log.customers, log.value) == (2, 6.0)


def test_quantity_and_unit_price_propose_the_amount_under_their_own_names() -> None:
    for quantity in ("qty", "quantity"):
        message = refusal(f"customer_id|timestamp|{quantity}|unit_price")
        assert f"map it with --columns 'amount={quantity}*unit_price', or leave" in message


@pytest.mark.parametrize(
    "header",
    [
        "customer|2022-01|2022-02|2022-03",
        "Kunde|Jan 22|Feb 22|Mrz 22|Apr 22",
        "Customer|January|February|March|Total",
        "client|01/2022|02/2022|03/2022",
        "id|2022-01-01 00:00:00|2022-02-01 00:00:00|2022-03-01 00:00:00",
        "客户|2022年1月|2022年2月|2022年3月",
        "customer|Q1 2022|Q2 2022|Q3 2022",
        "customer|2020|2021|2022",
    ],
)
def test_customers_by_periods_are_to_be_written_as_lines(header: str) -> None:
    message = refusal(header)
    assert "are periods: write one line per purchase" in message
    assert "--columns" not in message
