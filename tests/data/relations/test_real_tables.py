"""Published data sets become relation tables by parameters alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.relations.tables import Relations, read_relations
from guanxi.features.relations.customer_features import relation_features
from guanxi.params import load_params


def read(tmp_path: Path, text: str) -> Relations:
    (tmp_path / "params.yaml").write_text(f"relations:\n{text}")
    return read_relations(load_params(tmp_path / "params.yaml"))


def features(relations: Relations, cutoff: dt.date) -> pd.DataFrame:
    return relation_features(relations, cutoff).set_index("customer_id")


def same(found: pd.Series[Any], expected: pd.Series[Any]) -> None:
    """Compare what both know of; the rest must be unknown."""
    np.testing.assert_allclose(found, expected.reindex(found.index).to_numpy(dtype=float), rtol=1e-12)


def test_telco(shared_data: Path, tmp_path: Path) -> None:
    """One score a customer, without a time or an instrument in the file: they are constants."""
    folder = shared_data / "telco_satisfaction"
    relations = read(
        tmp_path,
        f"""
  customers:
    source: {folder}/telco_services.parquet
    columns: {{customer_id: Customer ID, contract: Contract}}
  surveys:
    source: {folder}/telco_status.parquet
    columns: {{customer_id: Customer ID, score: Satisfaction Score}}
    constants: {{instrument: csat, timestamp: 2019-09-30}}
""",
    )
    assert (relations.warnings, relations.lines["surveys"].lines_accepted) == ((), 7043)
    table = features(relations, dt.date(2019, 9, 30))
    status = pd.read_parquet(folder / "telco_status.parquet").set_index("Customer ID")
    same(table["csat_sum"], (status["Satisfaction Score"] - 1) / 4)
    assert table["contract"].value_counts().to_dict() == {
        "Month-to-Month": 3610,
        "Two Year": 1883,
        "One Year": 1550,
    }
    assert (table["Number of Referrals"].dtype, table["Number of Referrals"].sum()) == ("float64", 13747)
    assert features(relations, dt.date(2019, 9, 29))["csat_answers"].isna().all()


def test_ravenstack(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "saas_ravenstack"
    relations = read(
        tmp_path,
        f"""
  customers:
    source: {folder}/accounts.parquet
    columns: {{customer_id: account_id, acquired_on: signup_date, acquisition_channel: referral_source}}
    timestamp_format: "%d/%m/%Y"
  tickets:
    source: {folder}/support_tickets.parquet
    columns:
      {{customer_id: account_id, opened: submitted_at, closed: closed_at, satisfaction: satisfaction_score,
       complaint: escalation_flag}}
""",
    )
    assert (relations.lines["customers"].rejected_by_rule, relations.lines["tickets"].rejected_by_rule) == (
        {},
        {},
    )
    cutoff = dt.date(2024, 3, 31)
    table = features(relations, cutoff)
    source = pd.read_parquet(folder / "support_tickets.parquet")
    opened, closed = pd.to_datetime(source["submitted_at"]), pd.to_datetime(source["closed_at"])
    past, done = opened < "2024-04-01", closed < "2024-04-01"
    assert (past & ~done).any()
    same(table["tickets"], source[past].groupby("account_id").size())
    complaints = source[past & source["escalation_flag"]]
    same(table["complaints"].replace(0, np.nan), complaints.groupby("account_id").size())
    answered = source[done & source["satisfaction_score"].notna()]
    unit = (answered["satisfaction_score"] - 1) / 4
    same(table["ticket_satisfaction_sum"], unit.groupby(answered["account_id"]).sum())
    recent = (pd.Timestamp(cutoff) - closed[answered.index].dt.normalize()).dt.days < 365
    same(table["satisfaction_recent"], unit[recent].groupby(answered["account_id"]).mean())
    same(table["satisfaction_earlier"], unit[~recent].groupby(answered["account_id"]).mean())
    accounts = pd.read_parquet(folder / "accounts.parquet").set_index("account_id")
    signed = pd.to_datetime(accounts["signup_date"], format="%d/%m/%Y")
    same(table["acquired_days"], (pd.Timestamp(cutoff) - signed[signed <= pd.Timestamp(cutoff)]).dt.days)


def test_smcrm(shared_data: Path, tmp_path: Path) -> None:
    """Numbers of customers, and one sum of costs a customer."""
    source = shared_data / "smcrm" / "acquisitionRetention.parquet"
    relations = read(
        tmp_path,
        f"""
  customers:
    source: {source}
    columns: {{customer_id: customer, acquisition_cost: acq_exp}}
  costs:
    source: {source}
    columns: {{customer_id: customer, amount: ret_exp}}
    constants: {{kind: retain, timestamp: 2010-12-31}}
""",
    )
    assert relations.warnings == ()
    table = features(relations, dt.date(2010, 12, 31))
    given = pd.read_parquet(source).astype({"customer": int}).astype({"customer": str}).set_index("customer")
    same(table["acquisition_cost"], given["acq_exp"])
    same(table["cost_to_retain"], given["ret_exp"])
    same(table["employees"], given["employees"])
    assert (table["cost_to_serve"] == 0).all()


def test_nps(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "nps_csat" / "nps_testdata.parquet"
    relations = read(
        tmp_path,
        f"""
  surveys:
    source: {source}
    columns: {{customer_id: Account, score: REC, timestamp: date}}
    constants: {{instrument: nps}}
""",
    )
    assert relations.lines["surveys"].lines_accepted == 1000
    table = features(relations, dt.date(2012, 6, 30))
    given = pd.read_parquet(source)
    past = given[pd.to_datetime(given["date"]) <= "2012-06-30"]
    latest = past[past["date"] == past.groupby("Account")["date"].transform("max")]
    same(table["nps_score"], latest.groupby("Account")["REC"].min())
    same(table["nps_answers"], past.groupby("Account").size())
