"""Fits to simulated subscribers of known truth."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.contracts.log import read_contracts
from guanxi.errors import DataError
from guanxi.params import Params
from guanxi.pipeline.contracts import FittedContracts, fit_contracts
from guanxi.pipeline.contracts._amounts import fit_amounts
from guanxi.pipeline.contracts._hazard_choice import choose_covariates, fit_retention
from guanxi.pipeline.contracts._level import fit_level
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, ahead_of_time, sampled_rows
from guanxi.pipeline.contracts._regression import fit_regression
from guanxi.pipeline.contracts.equity import base_equity, new_customer_value, total_value
from guanxi.pipeline.contracts.fit import fit_opportunities
from guanxi.served.contracts.amount_paths import mean_growth
from guanxi.served.model import from_json, to_json
from guanxi.simulation import SubscriptionEffects, Subscriptions, simulate_subscriptions

EFFECTS = SubscriptionEffects(
    attributes={"usage": -0.5},
    plans={"basic": 0.4, "premium": -0.4},
    months={1: 0.6, 7: -0.3},
    changes=0.05,
    change_mean=0.04,
    change_spread=0.1,
)


def read(told: Subscriptions, folder: Path, **params: Any) -> Any:
    told.contracts.to_parquet(folder / "contracts.parquet")
    told.customers.drop(columns="theta").to_parquet(folder / "customers.parquet")
    given = Params.model_validate(
        {"relations": {"customers": {"source": str(folder / "customers.parquet")}}, **params}
    )
    return read_contracts(str(folder / "contracts.parquet"), given), given


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Subscriptions, FittedContracts]:
    told = simulate_subscriptions(
        {"gamma": 0.8, "delta": 10.0, "c": 1.1}, 3000, 36, 2, cohorts=36, effects=EFFECTS
    )
    log, params = read(told, tmp_path_factory.mktemp("contracts"), horizon_days=365)
    return told, fit_contracts(log, told.as_of, params)


def paid_within_a_year(told: Subscriptions, fitted: FittedContracts) -> np.ndarray:
    elapsed = (pd.to_datetime(told.future["opportunity"]) - pd.Timestamp(told.as_of)).dt.days
    paid = told.future["amount"] * 1.1 ** (-elapsed / 365.0) * (elapsed <= 365)
    by_customer = paid.groupby(told.future["customer_id"]).sum()
    return by_customer.reindex(fitted.features["customer_id"].astype(int)).to_numpy()


def test_value_and_churn_are_recovered(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    told, model = fitted
    scored = model.scorer.score(model.features)
    paid = paid_within_a_year(told, model)
    assert scored["clv"].sum() == pytest.approx(paid.sum(), rel=0.05)
    inside = (paid >= scored["clv_lower"] - 1e-6) & (paid <= scored["clv_upper"] + 1e-6)
    assert 0.85 < inside.mean() < 0.95
    whole = total_value(model)
    assert whole["lower"] < paid.sum() < whole["upper"]


def test_remaining_lifetime_is_unbiased_though_most_are_still_there(
    fitted: tuple[Subscriptions, FittedContracts],
) -> None:
    told, model = fitted
    days = 22 * 365.0 / 12.0
    elapsed = (pd.to_datetime(told.future["opportunity"]) - pd.Timestamp(told.as_of)).dt.days
    left = elapsed[told.future["churned"] == 1].groupby(told.future["customer_id"]).min()
    lived = left.reindex(model.features["customer_id"].astype(int)).fillna(np.inf).clip(upper=days)
    curves = model.scorer.curves(model.features, days=days + 62.0)
    expected = curves.lifetime(model.scorer.periods(days)) * model.model.period_days
    assert (lived == days).mean() > 0.5
    assert expected.mean() == pytest.approx(lived.mean(), rel=0.03)


def test_covariates_are_better_than_none(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    losses = fitted[1].choice.losses
    assert min(loss for name, loss in losses.items() if "covariates" in name or "regression" in name) < min(
        loss for name, loss in losses.items() if "covariates" not in name and "regression" not in name
    )


def test_season_is_found(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    level = fitted[1].model.level
    assert level is not None
    first = pd.Timestamp(level.first_month).month
    by_month = pd.Series(level.log_odds[:24]).groupby((np.arange(24) + first - 1) % 12 + 1).mean()
    assert by_month.idxmax() == 1
    assert by_month[1] - by_month[7] == pytest.approx(0.9, abs=0.35)


def test_amounts_grow_as_simulated(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    amounts = fitted[1].model.amounts
    assert amounts is not None
    assert amounts.change_probability == pytest.approx(0.05, rel=0.1)
    assert mean_growth(amounts) == pytest.approx(1.0 + 0.05 * np.expm1(0.04 + 0.1**2 / 2), abs=5e-4)


def test_document_gives_the_same_predictions(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    model = fitted[1]
    again = type(model.scorer)(from_json(to_json(model.model)), model.trees)
    pd.testing.assert_frame_equal(again.score(model.features), model.scorer.score(model.features))


def test_driver_effects_add_up(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    scorer, features = fitted[1].scorer, fitted[1].features
    effects = scorer.driver_effects(features)
    assert effects.sum(axis=1).to_numpy() == pytest.approx(scorer.hazard.next(features), abs=1e-8)
    assert effects["renewals"].mean() == pytest.approx(0.0, abs=1e-8)


def test_equity_of_cohorts_adds_up(fitted: tuple[Subscriptions, FittedContracts]) -> None:
    table = base_equity(fitted[1], days=365).set_index("cohort")
    assert table.loc["all", "equity"] == pytest.approx(table.drop(index="all")["equity"].sum())
    assert (table["equity_lower"] < table["equity"]).all()
    assert table.loc["all", "customers"] == len(fitted[1].features)


def test_new_customers_of_a_dearer_plan_that_keeps_them_are_worth_more(
    fitted: tuple[Subscriptions, FittedContracts],
) -> None:
    table = new_customer_value(fitted[1], "plan", acquisition_cost={"basic": 30.0}).set_index("plan")
    assert table["value"].loc[["basic", "plus", "premium"]].is_monotonic_increasing
    assert table.loc["basic", "value_after_acquisition"] == pytest.approx(table.loc["basic", "value"] - 30.0)


@pytest.mark.slow
def test_contract_split_without_a_gap_equals_one(tmp_path: Path) -> None:
    told = simulate_subscriptions({"gamma": 0.8, "delta": 6.0, "c": 1.0}, 400, 18, 1, cohorts=18)
    whole, params = read(told, tmp_path)
    one = fit_contracts(whole, told.as_of, params)
    table = told.contracts
    middle = table["start"] + pd.Timedelta(days=40)
    split = middle < table["end"].fillna(pd.Timestamp(told.as_of))
    halves = pd.concat(
        [table.assign(end=table["end"].mask(split, middle)), table[split].assign(start=middle)]
    )
    halves.to_parquet(tmp_path / "halves.parquet")
    two = fit_contracts(read_contracts(str(tmp_path / "halves.parquet"), params), told.as_of, params)
    columns = ["customer_id", "renewals", "amount"]
    pd.testing.assert_frame_equal(one.features[columns], two.features[columns])
    assert one.model.retention.params == pytest.approx(two.model.retention.params, rel=1e-6)


def file_of_customers(n: int = 3000, *, leak: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Opportunities of a file without dates, where two attributes act together."""
    generator = np.random.default_rng(0)
    people = pd.DataFrame({"customer_id": np.arange(n).astype(str), "amount": 30.0})
    people["a"], people["b"] = generator.normal(size=n), generator.normal(size=n)
    hazard = 0.02 + 0.25 * ((people["a"] > 0) & (people["b"] > 0)) if not leak else np.full(n, 0.1)
    life = generator.geometric(hazard)
    seen = generator.integers(1, 15, n)
    tenure = np.minimum(life, seen)
    rows = people.loc[people.index.repeat(tenure)].reset_index(drop=True).assign(spell=0)
    rows["renewals"] = np.concatenate([np.arange(each) for each in tenure])
    rows["churned"] = 0
    rows.loc[np.cumsum(tenure) - 1, "churned"] = (life <= seen).astype(int)
    return rows, people.assign(renewals=tenure)[life > seen]


def test_trees_are_kept_where_attributes_act_together() -> None:
    rows, now = file_of_customers()
    params = Params.model_validate({"churn": {"lightgbm": {"min_child_samples": 50, "reg_lambda": 5.0}}})
    fitted = fit_opportunities(rows, now, date(2024, 1, 31), params)
    assert fitted.model.trees is not None, fitted.correction.reason
    found = fitted.scorer.score(now)
    both = (now["a"] > 0).to_numpy() & (now["b"] > 0).to_numpy()
    assert found.loc[both, "renewal_probability"].mean() == pytest.approx(0.73, abs=0.08)
    assert found.loc[~both, "renewal_probability"].mean() == pytest.approx(0.98, abs=0.03)


def test_no_trees_where_attributes_say_nothing() -> None:
    rows, now = file_of_customers(leak=True)
    fitted = fit_opportunities(rows, now, date(2024, 1, 31), Params())
    assert fitted.model.trees is None
    assert fitted.model.regression is None
    assert fitted.model.retention.covariates == ()


def test_effects_that_change_with_the_tenure_are_recovered() -> None:
    generator = np.random.default_rng(5)
    n, longest = 1500, 30
    x = np.repeat(generator.choice([-1.0, 1.0], n), longest).reshape(n, longest)
    truth = -3.0 + x * (1.5 - 0.6 * np.log1p(np.arange(longest)))
    churned = generator.random((n, longest)) < 1.0 / (1.0 + np.exp(-truth))
    before = np.cumsum(churned, axis=1) - churned == 0
    person, renewals = np.nonzero(before & (np.arange(longest) < generator.integers(1, longest, n)[:, None]))
    rows = pd.DataFrame({"customer_id": person, "spell": 0, "renewals": renewals, "amount": 30.0})
    rows = rows.assign(x=x[person, renewals], churned=churned[person, renewals].astype(int))
    now = rows.groupby("customer_id").tail(1).query("churned == 0")
    arranged = OpportunityRows.arrange(rows, now)
    retention = fit_retention("shifted_beta_geometric", (), arranged)
    regression = fit_regression(retention, choose_covariates(arranged), arranged, 0, changing=True)
    scale = regression.covariates[0].scale
    assert regression.coefficients[0] / scale == pytest.approx(1.5, abs=0.3)
    assert regression.slopes[0] / scale == pytest.approx(-0.6, abs=0.15)


@pytest.mark.parametrize(("churned", "message"), [(0, "nobody left"), (1, "nobody renewed")])
def test_without_both_outcomes_it_says_so(churned: int, message: str) -> None:
    rows, now = file_of_customers(50)
    with pytest.raises(DataError, match=message):
        fit_opportunities(rows.assign(churned=churned), now, date(2024, 1, 31), Params())


@pytest.mark.slow
def test_one_cohort_is_enough(tmp_path: Path) -> None:
    told = simulate_subscriptions({"gamma": 0.8, "delta": 6.0, "c": 1.0}, 1500, 18, 3)
    log, params = read(told, tmp_path)
    model = fit_contracts(log, told.as_of, params)
    found = model.scorer.score(model.features)
    assert found["churn_probability"].between(0.0, 1.0).all()
    paid = told.future[
        pd.to_datetime(told.future["opportunity"]) <= pd.Timestamp(told.as_of) + pd.Timedelta(days=90)
    ]
    left = (
        paid.groupby("customer_id")["churned"]
        .max()
        .reindex(model.features["customer_id"].astype(int))
        .fillna(0)
    )
    assert found["churn_probability"].mean() == pytest.approx(left.mean(), abs=0.03)


def test_nobody_under_contract_is_said() -> None:
    rows, now = file_of_customers(50)
    with pytest.raises(DataError, match="no customer is under contract on 2024-01-31"):
        fit_opportunities(rows, now[:0], date(2024, 1, 31), Params())


def test_level_follows_a_change_of_the_level() -> None:
    generator = np.random.default_rng(1)
    months = pd.date_range("2022-01-15", periods=30, freq="MS") + pd.Timedelta(days=10)
    day = pd.Series(np.repeat(months, 800))
    truth = np.where(np.arange(30) < 20, 0.0, 0.5)
    churned = generator.random(len(day)) < 1.0 / (1.0 + np.exp(3.0 - np.repeat(truth, 800)))
    level = fit_level(np.full(len(day), -3.0), churned.astype(float), day)
    assert level.model is not None
    assert level.model.log_odds[29] == pytest.approx(0.5, abs=0.25)
    assert abs(level.model.log_odds[29 + 100]) < abs(level.model.log_odds[30])


def test_sampling_by_the_outcome_keeps_the_log_odds() -> None:
    generator = np.random.default_rng(2)
    n = 200_000
    rows = pd.DataFrame({"customer_id": np.arange(n), "spell": 0, "renewals": 0})
    rows["churned"] = (generator.random(n) < 0.01).astype(int)
    chosen = sampled_rows(OpportunityRows.arrange(rows, rows[["customer_id"]]), seed=0)
    assert len(chosen.churned) < n / 3
    assert chosen.churned.sum() == rows["churned"].sum()
    odds = chosen.churned.mean() / (1.0 - chosen.churned.mean())
    assert np.log(odds) - chosen.offset == pytest.approx(np.log(0.01 / 0.99), abs=0.1)


def test_attributes_are_taken_from_earlier_opportunities_of_the_spell() -> None:
    rows = pd.DataFrame({"customer_id": ["a"] * 5 + ["b"] * 3, "spell": 0, "churned": 0})
    rows["renewals"] = [0, 1, 2, 3, 4, 0, 1, 2]
    arranged = OpportunityRows.arrange(rows.assign(seats=np.arange(8.0)), pd.DataFrame({"seats": [1.0]}))
    origin, lead = ahead_of_time(arranged, 4, np.random.default_rng(0))
    assert (origin + lead - 1 == np.arange(8)).all()
    assert (arranged.customers[origin] == arranged.customers).all()
    assert lead.max() <= 4


def test_constant_amounts_do_not_change() -> None:
    rows, now = file_of_customers(100)
    process = fit_amounts(OpportunityRows.arrange(rows, now))
    assert process is not None
    assert process.change_probability == 0.0
