"""Forecasts of contracts against what happened later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.data.contracts.log import read_contracts
from guanxi.errors import HistoryError
from guanxi.evaluation.contract_folds import cross_validate
from guanxi.evaluation.contract_measures import KAPLAN_MEIER, ContractEvaluation
from guanxi.evaluation.contracts import (
    CONSTANT,
    CONSTANT_BY_COHORT,
    GUANXI,
    cohort_errors,
    contract_outcomes,
    evaluate_contracts,
)
from guanxi.params import Params
from guanxi.simulation import SubscriptionEffects, Subscriptions, simulate_subscriptions

EFFECTS = SubscriptionEffects(
    plans={"basic": 0.4, "premium": -0.4}, months={1: 0.5, 7: -0.3}, changes=0.04, change_mean=0.03
)


def simulated(seed: int, folder: Path, n: int = 1500, **params: Any) -> tuple[Subscriptions, Any, Params]:
    told = simulate_subscriptions(
        {"gamma": 0.8, "delta": 8.0, "c": 1.1}, n, 48, seed, cohorts=48, effects=EFFECTS
    )
    told.contracts.to_parquet(folder / "contracts.parquet")
    given = Params.model_validate({"horizon_days": 365, **params})
    return told, read_contracts(str(folder / "contracts.parquet"), given), given


def test_outcomes_are_those_of_the_simulated_future(tmp_path: Path) -> None:
    told, log, params = simulated(1, tmp_path, n=300)
    cutoff = pd.Timestamp(told.as_of) - pd.Timedelta(days=200)
    found = contract_outcomes(log, cutoff.date(), 200, params).set_index("customer_id")
    ends = told.contracts.assign(end=told.contracts["end"].fillna(pd.Timestamp("2200-01-01")))
    last = ends.groupby("customer_id")["end"].max()
    first = ends.groupby("customer_id")["start"].min()
    there = (first <= cutoff) & (last > cutoff)
    left = (last[there] <= pd.Timestamp(told.as_of)).astype(float)
    assert sorted(found.index.astype(int)) == sorted(left.index)
    assert (found["churned"].sort_index(key=lambda ids: ids.astype(int)).to_numpy() == left.to_numpy()).all()
    assert (found["paid"] > 0).sum() == (found["renewals_made"] > 0).sum()


def compare(seed: int, folder: Path) -> dict[str, float]:
    told, log, params = simulated(seed, folder)
    return cohort_errors(evaluate_contracts(log, told.as_of, params).cohorts)


def test_cohorts_are_forecast_better_than_by_constant_churn(tmp_path: Path) -> None:
    errors = compare(0, tmp_path)
    assert errors[GUANXI] < min(errors[CONSTANT], errors[CONSTANT_BY_COHORT])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 20))
def test_cohorts_are_forecast_better_than_by_constant_churn_in_every_seed(seed: int, tmp_path: Path) -> None:
    errors = compare(seed, tmp_path)
    assert errors[GUANXI] < min(errors[CONSTANT], errors[CONSTANT_BY_COHORT])


def test_history_shorter_than_the_horizon_is_said(tmp_path: Path) -> None:
    told, log, params = simulated(1, tmp_path, n=100, horizon_days=3000)
    with pytest.raises(HistoryError, match=r"the contracts begin on .*: for a window of 3000 days"):
        evaluate_contracts(log, told.as_of, params)


def folds_of_customers(tmp_path: Path, observed: str) -> ContractEvaluation:
    generator = np.random.default_rng(0)
    n = 1000
    pays = generator.choice(["card", "invoice"], n)
    life = generator.geometric(np.where(pays == "card", 0.03, 0.15))
    seen = generator.integers(1, 20, n)
    pd.DataFrame(
        {
            "customer_id": np.arange(n),
            "tenure": np.minimum(life, seen),
            "churned": (life <= seen).astype(int),
            "amount": 20.0,
            "pays": pays,
        }
    ).to_csv(tmp_path / "customers.csv", index=False)
    params = Params.model_validate({"contracts": {"observed": observed}})
    log = read_contracts(str(tmp_path / "customers.csv"), params)
    return cross_validate(log, params)


@pytest.mark.slow
def test_file_of_customers_is_measured_at_every_opportunity(tmp_path: Path) -> None:
    found = folds_of_customers(tmp_path, "history")
    values = found.metrics.set_index(["target", "metric"])["value"]
    naive = found.baselines.set_index(["target", "metric", "model"])["value"].sort_index()
    assert values["churn", "auc"] > 0.6
    assert values["churn", "log_loss"] < min(naive["churn", "log_loss"])
    assert abs(values["churn", "bias"]) < 0.1
    assert values["churn", "ece"] < 0.02
    assert values["survival", "concordance"] > 0.6
    assert values["survival", "integrated_brier"] < naive["survival", "integrated_brier", KAPLAN_MEIER]
    assert (found.survival["predicted"] - found.survival["observed"]).abs().mean() < 0.08
    assert found.table["customer_id"].is_unique
    assert found.table["opportunities"].sum() == len(found.rows)
    assert found.grade is not None
    assert found.grade.letter == "A"


@pytest.mark.slow
def test_file_of_the_last_period_is_measured_at_the_last_opportunity(tmp_path: Path) -> None:
    found = folds_of_customers(tmp_path, "last_period")
    assert len(found.rows) == len(found.table)
    assert not found.by_opportunity
    assert found.survival.empty
    assert abs(found.metrics.set_index(["target", "metric"])["value"]["churn", "bias"]) < 0.1
