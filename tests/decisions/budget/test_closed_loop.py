"""From plan to campaign and back: on the simulated company the holdout measures the true effect."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.budget import build_plan
from guanxi.decisions.campaign import difference
from guanxi.models import ParetoNBD
from guanxi.params import PlanParams
from guanxi.served.purchases.registry import PROCESSES
from guanxi.simulation import Company, simulate_company

CUSTOMERS, HORIZON = 3_000, 180
CUTOFF = date(2024, 12, 31)
TRUE_SAVE_RATES = {"call": 0.5, "letter": 0.2}
PARAMS = PlanParams(
    actions=[
        {"action": "call", "channel": "phone", "cost": 8.0, "save_rate": 0.5, "maximum": 300},
        {"action": "letter", "channel": "post", "cost": 1.0, "save_rate": 0.2},
    ],
    budget=3_000.0,
    holdout=0.25,
)


def company_of(seed: int) -> Company:
    return simulate_company(CUSTOMERS, years=2.0, seed=seed, as_of=CUTOFF.isoformat(), future_days=HORIZON)


def histories(company: Company) -> pd.DataFrame:
    """What is known at the cutoff: frequency, recency, T, and the mean margin of an order."""
    lines = company.transactions.assign(day=company.transactions["timestamp"].dt.normalize())
    days = lines.groupby(["customer_id", "day"], as_index=False)["margin"].sum()
    groups = days.groupby("customer_id")
    first, last = groups["day"].min(), groups["day"].max()
    return pd.DataFrame(
        {
            "frequency": groups.size() - 1.0,
            "recency": (last - first).dt.days.astype(float),
            "T": (pd.Timestamp(CUTOFF) - first).dt.days.astype(float),
            "margin": groups["margin"].mean(),
        }
    ).reset_index()


@cache
def purchase_params() -> dict[str, float]:
    """Fitted once, to another company than those that are planned for."""
    return dict(ParetoNBD().fit(histories(company_of(999))).params_)


def predictions(company: Company) -> pd.DataFrame:
    known = histories(company)
    process, params = PROCESSES["pareto_nbd"], purchase_params()
    x, t_x, T = (known[name].to_numpy() for name in ("frequency", "recency", "T"))
    expected = process.expected_purchases(params, x, t_x, T, HORIZON)
    kept = sum(process.expected_purchases_kept(params, x, t_x, T, HORIZON))
    level = known["margin"].mean()
    order = (2.0 * level + known["margin"] * (x + 1.0)) / (x + 3.0)  # shrunk to the mean of all
    return pd.DataFrame(
        {
            "customer_id": known["customer_id"],
            "clv": expected * order,
            "clv_lower": 0.0,
            "clv_upper": 3.0 * expected * order,
            "value_at_risk": (kept - expected) * order,
            "churn_probability": np.exp(-expected),
        }
    )


def potential_margins(company: Company, plan: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Margin of each customer in the horizon without the action and with it.

    The action brings back, with its true save rate, what a customer would have bought in the days after
    leaving: no effect on those who stay.
    """
    random = np.random.default_rng([seed, 77])
    without = company.realised(CUTOFF, HORIZON).set_index("customer_id")["margin"]
    without = without.reindex(plan["customer_id"]).to_numpy()
    truth = company.truth.set_index("customer_id").loc[plan["customer_id"]]
    end = pd.Timestamp(CUTOFF) + pd.Timedelta(days=HORIZON)
    left = truth["dropout_on"].fillna(end).clip(lower=pd.Timestamp(CUTOFF), upper=end)
    lost_days = (end - left) / pd.Timedelta(days=1)
    share = company.transactions["margin"].sum() / company.transactions["amount"].sum()
    orders = random.poisson(truth["purchase_rate"] * lost_days)
    saved = random.random(len(plan)) < plan["action"].map(TRUE_SAVE_RATES).fillna(0.0)
    return without, without + saved * orders * truth["spend_level"].to_numpy() * share


def measure(seed: int) -> tuple[float, float, float, float]:
    """Plan, campaign and measurement: true and planned mean effect, and the interval of the measured one."""
    company = company_of(seed)
    plan = build_plan(predictions(company), PARAMS, day=CUTOFF, horizon_days=HORIZON, seed=seed)
    table = plan.customers
    without, with_action = potential_margins(company, table, seed)
    treated, held = ((table["arm"] == arm).to_numpy() for arm in ("treated", "holdout"))
    found = difference(with_action[treated], without[held])
    chosen = treated | held
    true = float((with_action - without)[chosen].mean())
    return true, plan.totals.gain / plan.totals.treated, found.lower, found.upper


def check(seeds: range, fewest: int) -> None:
    found = np.array([measure(seed) for seed in seeds])
    true, planned, low, high = found.T
    assert ((low <= true) & (true <= high)).sum() >= fewest
    assert (true > 0).all()
    # What the plan promises is what comes true on average.
    assert planned.mean() == pytest.approx(true.mean(), rel=0.25)


@pytest.mark.slow
def test_the_holdout_measures_the_true_effect():
    check(range(6), fewest=4)


@pytest.mark.slow
def test_the_holdout_measures_the_true_effect_in_fifty_companies():
    """With a coverage of 95 %, fewer than 43 of 50 happen once in 500 times."""
    check(range(50), fewest=43)
