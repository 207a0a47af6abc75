"""``guanxi init``: what a file tells of its columns, and a params.yaml with which the other commands work."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from guanxi.params import load_params
from guanxi.params.commented_file import Setting, commented_file


@pytest.fixture(scope="module")
def shop():
    """Two years of a shop, in the columns that a till writes."""
    generator = np.random.default_rng(7)
    days = pd.to_timedelta(generator.integers(0, 730, 300), unit="D") + pd.Timestamp("2023-01-01")
    return pd.DataFrame(
        {
            "Invoice": [f"I{n}" for n in range(300)],
            "Customer ID": generator.integers(100, 140, 300),
            "InvoiceDate": days.strftime("%Y-%m-%d"),
            "Quantity": generator.integers(1, 5, 300),
            "Price": generator.gamma(2.0, 10.0, 300).round(2),
            "Shelf": "A",
        }
    )


def test_what_it_writes_is_what_the_other_commands_need(command, shop, tmp_path):
    shop.to_csv(tmp_path / "till.csv", index=False)
    ended = command("init", "till.csv")
    assert ended.code == 0
    assert ended.out.endswith("Next:\n  guanxi run till.csv\n")
    text = (tmp_path / "params.yaml").read_text("utf-8")
    assert "amount: Quantity*Price  # no column is an amount, but these are a quantity and a price" in text
    assert "# Columns that are not used: Shelf." in text
    assert yaml.safe_load(text)["data"]["columns"] == {
        "customer_id": "Customer ID",
        "timestamp": "InvoiceDate",
        "amount": "Quantity*Price",
        "order_id": "Invoice",
        "quantity": "Quantity",
    }
    assert "300 (100.0%)" in command("validate", "till.csv").out
    assert command("init", "till.csv").error == (
        "guanxi: params.yaml is there already: edit it, or move it away and run guanxi init again"
    )
    assert (tmp_path / "params.yaml").read_text("utf-8") == text


def test_sheets_of_the_same_columns_are_read_together(command, shop, tmp_path):
    with pd.ExcelWriter(tmp_path / "till.xlsx", engine="xlsxwriter") as book:
        shop[:200].to_excel(book, sheet_name="Year 2023", index=False)
        shop[195:].to_excel(book, sheet_name="Year 2024", index=False)
    assert command("init", "till.xlsx").code == 0
    text = (tmp_path / "params.yaml").read_text("utf-8")
    assert "# duplicates: drop  # 5 lines repeat an earlier one" in text
    assert yaml.safe_load(text)["data"]["sheet"] == "*"
    assert "305 (100.0%)" in command("validate", "till.xlsx").out


def test_what_is_given_is_kept_and_what_is_found_by_content_says_so(command, shop, tmp_path):
    odd = shop.rename(columns={"InvoiceDate": "wann", "Customer ID": "Kunde", "Price": "Betrag"})
    odd[["Kunde", "wann", "Betrag"]].to_csv(tmp_path / "kasse.csv", index=False)
    given = ("--columns", "amount=", "--horizon", "30", "--set", "data.timezone=Europe/Berlin")
    assert command("init", "kasse.csv", *given).code == 0
    text = (tmp_path / "params.yaml").read_text("utf-8")
    assert "timestamp: wann  # the only column with such values; such as " in text
    written = load_params(tmp_path / "params.yaml")
    assert written.data.columns == {"customer_id": "Kunde", "timestamp": "wann", "amount": ""}
    assert (written.horizon_days, written.data.timezone) == (30, "Europe/Berlin")


def test_a_table_of_customers_is_no_log(command, tmp_path):
    (tmp_path / "telco.csv").write_text("customerID,tenure,Churn\na,1,Yes\nb,2,No\n")
    ended = command("init", "telco.csv")
    assert ended.code == 2
    assert "no column could be taken for timestamp" in ended.error
    assert "--task labels --label COLUMN" in ended.error
    assert not (tmp_path / "params.yaml").exists()


def test_values_and_comments_cannot_leave_their_line():
    settings = [
        Setting("data.columns.amount", "Menge: #*Preis", "by name\nseed: 5"),
        Setting("data.columns.timestamp", "a\nb", "x\x85y\u2028z"),
        Setting("data.sheet", "*", "all"),
        Setting("language", "zh", "given", inactive=True),
    ]
    text = commented_file(["of a\nseed: 7"], settings)
    columns = {"amount": "Menge: #*Preis", "timestamp": "a\nb"}
    assert yaml.safe_load(text) == {"data": {"columns": columns, "sheet": "*"}}
