"""``guanxi plan --campaign``: effects learnt from a past campaign, and campaigns that teach nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.errors import DataError, HistoryError
from guanxi.params import load_params

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
def test_campaigns_that_teach_nothing(log, first_run, monkeypatch, change, error, message):
    with pytest.raises(error, match=message):
        plan_from(log, campaign_on(log, **change), first_run, monkeypatch)


def test_a_campaign_without_a_day(log, first_run, monkeypatch):
    campaign = campaign_on(log).drop(columns="date")
    with pytest.raises(DataError, match=r"no column date says when the campaign was: set campaign\.day"):
        plan_from(log, campaign, first_run, monkeypatch)


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
