"""``guanxi scorecard`` of a telephone company: one file, one command."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from guanxi.data.contracts.log import read_contracts
from guanxi.jobs._contract_payments import customers_of
from guanxi.served.texts import texts

PARAMS = """
task: contracts
as_of: 2024-09-30
horizon_days: 365
clv: {margin: 0.5}
contracts: {period: Q, observed: last_period}
churn: {lightgbm: {n_estimators: 30}}
data:
  columns: {customer_id: Customer ID, tenure: quarters, churned: Churn Value, amount: Monthly Charge,
    period: billed, plan: Contract}
  exclude: [Satisfaction Score, Customer Status, Churn Label, Churn Score, Churn Category, Churn Reason, CLTV,
    Total Charges, Total Refunds, Total Extra Data Charges, Total Long Distance Charges, Total Revenue,
    Tenure in Months]
relations:
  surveys:
    source: telco.csv
    columns: {customer_id: Customer ID, score: Satisfaction Score}
    constants: {instrument: csat, timestamp: 2024-09-30}
  cancellations:
    source: telco.csv
    columns: {customer_id: Customer ID, reason: Churn Reason, category: Churn Category}
scorecard: {by: [contract, Internet Type], draws: 100}
playbook:
  - {when: {tier: high, churn_probability: "> 0.2"}, action: call, channel: phone, cost: 15}
  - {when: {tier: middle, churn_probability: "> 0.2"}, action: offer, channel: mail, cost: 6}
"""


@pytest.fixture(scope="module")
def folder(shared_data, tmp_path_factory):
    """1,500 customers in one file, as the company keeps them."""
    made = tmp_path_factory.mktemp("telco")
    tables = [
        pd.read_parquet(shared_data / "telco_satisfaction" / f"telco_{name}.parquet").drop(
            columns=["Count", "Quarter"], errors="ignore"
        )
        for name in ("demographics", "services", "status")
    ]
    customers = tables[0].merge(tables[1], on="Customer ID").merge(tables[2], on="Customer ID")
    customers = customers.assign(quarters=np.ceil(customers["Tenure in Months"] / 3), billed="monthly")
    customers.sample(1500, random_state=1).to_csv(made / "telco.csv", index=False)
    (made / "params.yaml").write_text(PARAMS)
    return made


@pytest.mark.slow
def test_satisfaction_attributes_and_contracts_in_one_command(folder, command):
    trained = command("train", "telco.csv", folder=folder)
    assert trained.code == 0, trained.err
    ended = command("scorecard", "telco.csv", "-o", "card", folder=folder)
    assert ended.code == 0, ended.err
    raw = pd.read_csv("telco.csv").set_index("Customer ID")
    card = pd.read_parquet("card/scorecard.parquet").set_index("customer_id")
    raw = raw.loc[card.index]
    assert not raw["Churn Value"].any()
    assert card["tier"].value_counts(normalize=True).round(2).to_dict() == {
        "low": 0.5,
        "middle": 0.3,
        "high": 0.2,
    }
    assert card["why_1"].notna().all()
    # Satisfaction counts, and its order is that of the answers.
    answers = card["csat"].groupby(raw["Satisfaction Score"]).mean()
    assert answers.is_monotonic_increasing
    assert card["csat_points"].notna().all()
    # Attributes of the file are those of the scorecard.
    assert (card["contract"] == raw["Contract"]).all()
    assert (card["Internet Type"].fillna("") == raw["Internet Type"].fillna("")).all()
    # Strategies.
    risky = (card["tier"] == "high") & (card["churn_probability"] > 0.2)
    assert set(card.loc[risky, "action"]) == {"call"}
    # The watch list: nobody falls silent under contract.
    watch = pd.read_parquet("card/watch.parquet")
    leaving = (card["tier"] != "low") & (card["churn_probability"] > 0.5)
    assert set(watch["customer_id"]) == set(card.index[leaving])
    assert len(watch) > 20
    assert watch["value_at_risk"].is_monotonic_decreasing
    page = (folder / "card" / "scorecard.html").read_text("utf-8")
    assert watch["customer_id"].iloc[0] in page[: page.index('id="scorecard"')]
    assert "Competitor made better offer" in page
    assert "Prospect" not in page
    # What follows from buying says nothing under contract.
    assert not {"purchase_frequency", "rhythm_kept", "refund_share", "rfm_segment"} & set(card.columns)
    assert not (folder / "card" / "tables" / "redundant.csv").exists()
    assert set(card["contract_segment"]) <= set(texts("guanxi.segments", "en")["contract_segments"])
    staying = ~card["contract_segment"].isin(["leaving", "cannot_lose"])
    assert card.loc[staying & (card["contract_segment"] != "at_risk"), "churn_probability"].max() < 0.5
    assert "Cannot lose them" in page[: page.index('id="scorecard"')]
    # The file tells of one day.
    assert "--history" not in page
    ended = command("scorecard", "telco.csv", "-o", "card", "--history", "1", folder=folder)
    assert ended.code == 2
    assert "no earlier days: leave out --history" in ended.err


def test_customers_have_the_latest_plan_and_the_attributes_of_the_file():
    contracts = pd.DataFrame(
        {
            "customer_id": ["b", "a", "b"],
            "start": ["2024-01-01", "2024-02-01", "2024-03-01"],
            "end": ["2024-03-01", None, None],
            "plan": ["basic", "basic", "premium"],
        }
    )
    found = customers_of(read_contracts(contracts))["customers"]
    assert found.to_dict("list") == {"customer_id": ["a", "b"], "contract": ["basic", "premium"]}
    ages = {
        "customer_id": [1, 2, 3, 4],
        "tenure": [3, 8, 5, 9],
        "churned": ["No", "Yes"] * 2,
        "age": [30, 40, 40, 30],
    }
    file = pd.DataFrame(ages)
    assert list(customers_of(read_contracts(file))["customers"].columns) == ["customer_id", "age"]
