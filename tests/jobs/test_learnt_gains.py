"""``guanxi plan --campaign``: effects learnt from a past campaign, and campaigns that teach nothing."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data.campaigns import read_campaign
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, HistoryError
from guanxi.jobs._learnt_gains import _learnt_from
from guanxi.params import Params, load_params

DAY = "1998-03-01"
MAIL = 'plan.actions=[{"action": "mail", "cost": 0.5}]'


@pytest.fixture
def log() -> pd.DataFrame:
    table = guanxi.datasets.load_cdnow_sample()
    return table.assign(timestamp=pd.to_datetime(table["timestamp"]))


def campaign_on(log: pd.DataFrame, day: str = DAY, **columns: object) -> pd.DataFrame:
    """A coin for each customer known the day before, in the form of an earlier plan."""
    known = log.loc[log["timestamp"] < day, "customer_id"].unique()
    arm = np.where(np.random.default_rng(0).random(len(known)) < 0.5, "treated", "holdout")
    table = pd.DataFrame({"customer_id": known, "arm": arm, "action": "mail", "date": day})
    return table.assign(**columns)


def plan_from(log, campaign, first_run, monkeypatch, *settings):
    monkeypatch.chdir(first_run.folder)
    params = load_params(None, [MAIL, "campaign.randomised=true", *settings])
    return guanxi.plan(log, campaign=campaign, params=params)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"action": "call"},
            DataError,
            "nobody in the arm 'mail' had bought before the campaign: the arms are",
        ),
        ({"arm": "treated"}, DataError, "nobody in a control for 'mail' had bought before the campaign"),
        (
            {"date": "1998-06-01"},
            HistoryError,
            "the 60 days after the campaign end on 1998-07-30, and the data",
        ),
    ],
)
@pytest.mark.slow
def test_campaigns_that_teach_nothing(log, first_run, monkeypatch, change, error, message):
    with pytest.raises(error, match=message):
        plan_from(log, campaign_on(log, **change), first_run, monkeypatch)


def test_a_campaign_without_a_day(log, first_run, monkeypatch):
    campaign = campaign_on(log).drop(columns="date")
    told = r"no column date says when the campaign was, or not on all lines: set campaign\.day"
    with pytest.raises(DataError, match=told):
        plan_from(log, campaign, first_run, monkeypatch)


def test_customers_on_two_lines_are_not_counted_twice(log, first_run, monkeypatch):
    campaign = campaign_on(log)
    with pytest.raises(DataError, match="has several lines"):
        plan_from(log, pd.concat([campaign, campaign[:3]]), first_run, monkeypatch)


@pytest.mark.slow
def test_each_customer_is_followed_from_the_own_day(log):
    """Who bought in the horizon after the first wave only is no buyer of the second."""
    campaign = campaign_on(log)
    late = campaign["customer_id"].index % 2 == 1
    campaign["date"] = np.where(late, "1998-04-15", DAY)
    params = Params(campaign={"randomised": True})
    opened = read_transactions(log, params.data)
    try:
        lines = read_campaign(campaign, {}, params.data, opened)
        model = SimpleNamespace(horizon_days=30, window_days=60)
        table = _learnt_from(lines, opened, model, params, date(1998, 6, 30)).set_index("customer_id")
    finally:
        opened.close()
    days = log.merge(campaign[["customer_id", "date"]], on="customer_id")
    after = (days["timestamp"] - pd.to_datetime(days["date"])).dt.days
    bought = set(days.loc[after.between(0, 29), "customer_id"])
    assert set(table.index[table["bought"] == 1]) == bought
    assert table.loc[campaign.loc[late, "customer_id"], "bought"].sum() > 0


@pytest.mark.slow
def test_a_campaign_that_worked_is_repeated_and_one_that_did_not_is_not(log, first_run, monkeypatch):
    campaign = campaign_on(log)
    nothing = plan_from(log, campaign, first_run, monkeypatch, "plan.budget=300")
    assert nothing.totals.treated < 100
    treated = campaign.loc[campaign["arm"] == "treated", "customer_id"].to_numpy()
    brought = treated[np.random.default_rng(1).random(len(treated)) < 0.25]
    more = pd.DataFrame(
        {"customer_id": brought, "timestamp": pd.Timestamp("1998-04-01"), "amount": 20.0, "quantity": 1}
    )
    plan = plan_from(pd.concat([log, more]), campaign, first_run, monkeypatch, "plan.budget=300")
    assert plan.actions["effect"].tolist() == ["campaign"]
    assert 280 < plan.totals.spend <= 300
    assert plan.totals.gain_lower > plan.totals.spend
