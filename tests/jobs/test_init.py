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


@pytest.fixture(scope="module")
def telco(shared_data):
    """The status of the customers of a telephone company, and all that is known of them."""
    folder = shared_data / "telco_satisfaction"
    status = pd.read_parquet(folder / "telco_status.parquet")
    services = pd.read_parquet(folder / "telco_services.parquet")
    return status, services.merge(status.drop(columns=["Count", "Quarter"]), on="Customer ID")


def test_customers_and_who_left_are_labels(command, telco, tmp_path):
    telco[0].to_csv(tmp_path / "status.csv", index=False)
    ended = command("init", "status.csv")
    assert ended.code == 0, ended.err
    assert "for labels (one line per customer and who left, but no days and no time" in ended.out
    assert "left        1,869 (26.5%)" in ended.out
    written = load_params(tmp_path / "params.yaml")
    assert written.task == "labels"
    assert written.data.columns == {"customer_id": "Customer ID", "churned": "Churn Label"}
    assert {"Churn Value", "Churn Reason", "Customer Status"} <= set(written.data.exclude)
    assert "CLTV" not in written.data.exclude
    assert "horizon_days" not in (tmp_path / "params.yaml").read_text("utf-8")


def test_customers_with_their_time_under_contract_are_contracts(command, telco, tmp_path):
    telco[1].head(1500).to_csv(tmp_path / "telco.csv", index=False)
    assert command("init", "telco.csv").code == 0
    text = (tmp_path / "params.yaml").read_text("utf-8")
    assert "task: contracts  # one line per customer with the time under contract and who left" in text
    assert "period: M  # unit of Tenure in Months" in text
    assert "# observed: last_period  # if only those who left in the last period" in text
    assert "amount: Monthly Charge  # by its name; such as " in text
    written = load_params(tmp_path / "params.yaml")
    assert "Churn Reason" in written.data.exclude
    assert "Contract" not in written.data.exclude


def test_lines_that_begin_and_end_are_contracts_and_events_are_told_by_their_words(command, tmp_path):
    months = pd.date_range("2022-01-01", periods=24, freq="MS")
    rows = [(f"a{i}", months[i % 12], months[i % 12 + 8] if i % 3 else None, 9.5) for i in range(60)]
    contracts = pd.DataFrame(rows, columns=["account", "Start Date", "End Date", "Fee"])
    contracts.to_csv(tmp_path / "gym.csv", index=False)
    assert command("init", "gym.csv", "--columns", "amount=Fee").code == 0
    written = load_params(tmp_path / "params.yaml")
    assert (written.task, written.data.columns["end"]) == ("contracts", "End Date")
    (tmp_path / "params.yaml").unlink()

    begun = contracts.assign(day=contracts["Start Date"], event="signup")
    left = contracts.dropna().assign(day=lambda rows: rows["End Date"], event="Cancelled")
    events = pd.concat([begun, left])[["account", "day", "event"]]
    events.to_csv(tmp_path / "events.csv", index=False)
    assert command("init", "events.csv").code == 0
    written = load_params(tmp_path / "params.yaml")
    assert (written.task, written.data.columns["event"]) == ("contracts", "event")


def test_a_table_of_customers_without_an_outcome_is_nothing(command, tmp_path):
    (tmp_path / "people.csv").write_text("customerID,age,city\na,1,X\nb,2,Y\n")
    ended = command("init", "people.csv")
    assert ended.code == 2
    assert "no column could be taken for timestamp" in ended.error
    assert "--columns churned=NAME" in ended.error
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
