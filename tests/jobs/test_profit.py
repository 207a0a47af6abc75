"""``guanxi profit``: what it writes, what it says is missing, and what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from guanxi.data.datasets import load_cdnow_sample
from guanxi.errors import DataError, HistoryError, ParamsError, RegistryError, SourceError
from guanxi.jobs.profit import profit
from guanxi.params import Params, override

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    first = rng.integers(0, 700, 120)
    rows = [
        (f"c{customer:03}", day, round(float(rng.gamma(2, 20)), 2), ("web", "shop")[customer % 2])
        for customer, start in enumerate(first)
        for day in np.unique(np.append(start, rng.integers(start, 731, rng.poisson(3))))
    ]
    table = pd.DataFrame(rows, columns=["customer_id", "day", "amount", "channel"])
    days = pd.Timestamp("2022-12-01") + pd.to_timedelta(table.pop("day"), unit="D")
    return table.assign(timestamp=days)


@pytest.fixture(scope="module")
def costs(log) -> pd.DataFrame:
    firsts = log.groupby("customer_id", as_index=False)["timestamp"].min()
    acquire = firsts.assign(kind="acquire", amount=30.0)
    serve = log[["customer_id", "timestamp"]].assign(kind="serve", amount=5.0)
    unknown = pd.DataFrame(
        {"customer_id": ["x1"], "timestamp": ["2024-05-01"], "kind": "serve", "amount": [12.5]}
    ).astype({"timestamp": "datetime64[us]"})
    return pd.concat([acquire, serve, unknown], ignore_index=True)


@pytest.fixture
def params(tmp_path) -> Params:
    store = f"sqlite:///{tmp_path}/mlflow.db"
    return override(Params(), {"clv.margin": 0.4, "mlflow.tracking_uri": store})


def with_costs(params, costs, tmp_path, **other):
    costs.to_csv(tmp_path / "costs.csv", index=False)
    return override(params, {"relations.costs.source": str(tmp_path / "costs.csv"), **other})


def test_the_command_writes_page_tables_and_key_figures(log, costs, tmp_path, command):
    log.to_csv(tmp_path / "sales.csv", index=False)
    costs.to_csv(tmp_path / "costs.csv", index=False)
    ended = command(
        *("profit", "sales.csv", "-o", "out", "--set", "relations.costs.source=costs.csv"),
        *("--set", "clv.margin=0.4", "--set", "profit.cost_per_order=1", "--set", "language=zh"),
    )
    assert ended.code == 0, ended.err
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    assert len(customers) == log["customer_id"].nunique()
    year = log[log["timestamp"] > pd.Timestamp("2023-12-01")]
    document = json.loads((tmp_path / "out" / "profit.json").read_text("utf-8"))
    metrics = document["metrics"]
    assert metrics["revenue"] == pytest.approx(year["amount"].sum())
    new = (log.groupby("customer_id")["timestamp"].min() > pd.Timestamp("2023-12-01")).sum()
    expected = 0.4 * year["amount"].sum() - 6 * len(year) - 30 * new
    assert metrics["profit"] == pytest.approx(expected)
    assert customers["profit"].sum() == pytest.approx(expected)
    assert metrics["acquisition_cost"] == pytest.approx(30)
    page = (tmp_path / "out" / "profit.html").read_text("utf-8")
    assert "客户带来多少利润" in page
    assert page.count("data:image/svg+xml") >= 9
    assert "1 customers of the relation tables never bought; their costs of 12.50" in ended.out
    assert "At a loss:" in ended.out


@pytest.mark.slow
def test_changes_of_the_profit_add_up_in_the_files(log, costs, params, tmp_path):
    tables = profit(log, params=with_costs(params, costs, tmp_path)).tables
    buyers = tables["customers"][tables["customers"]["orders"] > 0]
    before = tables["customers"][tables["customers"]["orders_before"] > 0]
    change = buyers["profit"].sum() - before["profit_before"].sum()
    assert tables["changes"]["change"].sum() == pytest.approx(change)
    assert tables["factors"].groupby("customers")["change"].sum()["all"] == pytest.approx(change)
    assert tables["profit_deciles"]["profit"].sum() == pytest.approx(tables["customers"]["profit"].sum())


@pytest.mark.slow
def test_without_any_costs_profit_is_the_margin_and_it_says_so(log, params):
    answer = profit(log, params=params)
    assert answer.metrics["profit"] == pytest.approx(answer.metrics["margin"])
    assert "No costs are on record: profit is the margin only." in answer.summary
    assert "No cost to acquire customers is on record" in answer.summary
    assert "Without a registered model" in answer.summary
    notices = [notice for chapter in answer.chapters for notice in chapter.notices]
    assert any("profit is the margin only" in notice for notice in notices)
    assert "payback" in answer.tables


@pytest.mark.slow
def test_spending_gives_the_cost_of_acquisition_by_channel(log, params, tmp_path):
    months = pd.date_range("2022-12-01", "2024-11-01", freq="MS")
    spending = pd.DataFrame({"timestamp": months}).merge(
        pd.DataFrame({"channel": ["web", "tv"], "amount": [100.0, 60.0]}), how="cross"
    )
    spending.to_csv(tmp_path / "spending.csv", index=False)
    settings = {
        "relations.spending.source": str(tmp_path / "spending.csv"),
        "profit.channels": {"tv": {"lag": 1}},
    }
    tables = profit(log, params=override(params, settings)).tables
    cost = tables["acquisition_cost"]
    web = cost[cost["channel"] == "web"].dropna(subset="unadjusted")
    assert (web["unadjusted"] * web["customers"]).to_numpy() == pytest.approx(100.0)
    whole = cost[cost["channel"] == "all"]
    assert np.isnan(whole["lagged"].iloc[0])
    assert whole["unadjusted"].iloc[0] > 0
    returns = tables["acquisition_returns"].set_index(["by", "group"])
    assert returns.loc[("all", "all"), "acquisition_cost"] > 0
    assert np.isnan(returns.loc[("channel", "shop"), "acquisition_cost"])


@pytest.mark.slow
def test_a_cost_column_gives_the_margin(log, params):
    priced = log.assign(goods=log["amount"] * 0.75)
    settings = override(params, {"data.columns": {"cost": "goods"}})
    answer = profit(priced, params=settings)
    assert answer.metrics["margin"] == pytest.approx(0.25 * answer.metrics["revenue"])
    assert "clv.margin" not in answer.summary


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"profit.cost_per_order": -1}, ParamsError, "cost_per_order"),
        ({"profit.months": 5}, ParamsError, "profit.months"),
        ({"profit.channels": {"tv": {"share": 2}}}, ParamsError, "share"),
        ({"data.columns": {"cost": "goods", "margin": "amount"}}, ParamsError, "one of margin and cost"),
        ({"data.columns": {"cost": "goods"}}, SourceError, "no column 'goods' for cost"),
        ({"data.columns": {"amount": ""}}, DataError, "no amounts, so there is no profit"),
    ],
)
def test_wrong_settings_are_refused(changes, error, message, log, params):
    with pytest.raises(error, match=re.escape(message)):
        profit(log, params=override(params, changes))


@pytest.mark.parametrize(
    ("edit", "error", "message"),
    [
        (lambda table: table.assign(amount=-1.0), DataError, "amount is negative"),
        (lambda table: table.drop(columns="timestamp"), SourceError, "no column 'timestamp'"),
        (
            lambda table: table.assign(kind="advertising"),
            DataError,
            "kind is not one of acquire, serve, retain",
        ),
    ],
)
@pytest.mark.slow
def test_a_table_of_costs_that_cannot_be_used_is_refused(edit, error, message, log, costs, params, tmp_path):
    with pytest.raises(error, match=re.escape(message)):
        profit(log, params=with_costs(params, edit(costs), tmp_path))


@pytest.mark.filterwarnings("default::UserWarning")
@pytest.mark.slow
def test_a_negative_cost_is_rejected_and_told(log, costs, params, tmp_path):
    odd = costs.copy()
    odd.loc[0, "amount"] = -30.0
    with pytest.warns(UserWarning, match="amount is negative"):
        answer = profit(log, params=with_costs(params, odd, tmp_path))
    assert answer.metrics["acquisition_cost"] == pytest.approx(30 * 119 / 120)


def test_several_currencies_are_refused(log, params):
    priced = log.assign(
        amount=[f"{'€' if place % 2 else '$'}{amount}" for place, amount in enumerate(log["amount"])]
    )
    with pytest.raises(DataError, match="currenc"):
        profit(priced, params=params)


@pytest.mark.slow
def test_refunds_that_lower_no_profit_are_told(log, params):
    later = log.tail(1).assign(amount=-5.0, timestamp=pd.Timestamp("2024-11-29 12:00"))
    answer = profit(pd.concat([log, later]), params=params)
    assert "1 lines with refunds were rejected" in answer.summary


def test_a_model_that_was_named_must_exist(log, params):
    with pytest.raises(RegistryError):
        profit(log, params=params, model="models:/nobody@champion")


def test_a_period_in_which_nobody_bought_is_refused(log, params):
    with pytest.raises(HistoryError, match="nobody bought in the 1 months"):
        profit(log, params=override(params, {"profit.months": 1}), as_of="2025-06-30")


@pytest.mark.slow
def test_a_short_log_has_no_earlier_period(log, params):
    short = log[log["timestamp"] < "2022-12-20"]
    answer = profit(short, params=params)
    assert "There is no earlier period of 1 months" in answer.summary
    assert "changes" not in answer.tables


@pytest.mark.slow
def test_a_registered_model_adds_what_customers_are_still_worth(first_run, copy_store, tmp_path, command):
    copy_store(first_run.folder, tmp_path)
    ended = command("profit", "cdnow-sample", "-o", "out", "--set", "profit.cost_per_order=2")
    assert ended.code == 0, ended.err
    customers = pd.read_parquet(tmp_path / "out" / "customers.parquet")
    predictions = pd.read_parquet(first_run.output / "predictions.parquet").set_index("customer_id")
    clv = customers.set_index("customer_id")["clv"]
    assert clv.to_numpy() == pytest.approx(predictions["clv"].reindex(clv.index).to_numpy())
    cost = (customers["clv"] - customers["clv_less_cost"]).to_numpy()
    purchases = predictions["expected_purchases"].reindex(clv.index).to_numpy()
    assert cost == pytest.approx(2 * purchases * 1.1 ** (-30 / 365))


@pytest.mark.slow
def test_a_loyalty_programme_is_a_chapter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = load_cdnow_sample().query("timestamp >= '1997-06-01'")
    points = lines.assign(date=lines["timestamp"].dt.date, earned=lines["amount"].round())
    points[["customer_id", "date", "earned"]].to_csv("points.csv", index=False)
    given = {"relations": {"points": {"source": "points.csv"}}, "loyalty": {"point_value": 0.05}}
    params = Params.model_validate(given | {"clv": {"margin": 0.4}})
    with pytest.warns(UserWarning, match="without a model"):
        found = profit("cdnow-sample", params=params)
    assert found.chapters[-1].anchor == "loyalty"
    assert found.metrics["deferred_revenue"] > 0
    assert found.tables["loyalty_years"]["earned"].sum() == points["earned"].sum()
