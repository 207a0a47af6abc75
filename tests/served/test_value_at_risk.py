"""Value at risk: value with churn switched off, less the value with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.features.snapshots import features_at
from guanxi.models import GammaGamma, ParetoNBD
from guanxi.models.margins import fit_margins
from guanxi.served.model import (
    CorrectionModel,
    DataRules,
    Drivers,
    FittedProcess,
    LifetimeValue,
    Limits,
    MarginModel,
    PurchaseModels,
    ServedModel,
    SpendModel,
)
from guanxi.served.purchases.registry import PROCESSES, PurchaseMixture
from guanxi.served.scorer import Scorer
from guanxi.simulation import simulate_company
from guanxi.simulation.company._events import NET_OF_REFUNDS

HORIZON, CUSTOMERS = 60.0, 60_000
PARAMS = {
    "nbd": {"r": 0.8, "alpha": 30.0},
    "bg_nbd": {"r": 0.8, "alpha": 30.0, "a": 0.8, "b": 2.5},
    "mbg_nbd": {"r": 0.8, "alpha": 30.0, "a": 0.8, "b": 2.5},
    "bg_cnbd": {"k": 3, "r": 1.2, "alpha": 12.0, "a": 0.8, "b": 2.5},
    "mbg_cnbd": {"k": 2, "r": 1.2, "alpha": 20.0, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.8, "alpha": 30.0, "s": 1.6, "beta": 150.0},
    "ggom_nbd": {"r": 0.8, "alpha": 30.0, "b": 0.02, "s": 1.6, "beta": 6.0},
    "bg_bb": {"alpha": 1.2, "beta": 2.0, "gamma": 0.9, "delta": 4.0, "period": 10.0},
}


def simulate(name, seed=1):
    """Histories up to T, and the purchases in the next days with churn and without, of the same customers.

    Without churn everybody buys on: those who had left before T too.
    """
    random, params = np.random.default_rng(seed), PARAMS[name]
    T = random.choice([60.0, 120.0, 180.0], CUSTOMERS)
    times, bought, last, lifetime = draw(name, params, random, (T + HORIZON).max())
    place = np.cumsum(bought, axis=1)
    made = bought & (place <= last[:, None]) & (times <= lifetime[:, None])
    past, ahead = times <= T[:, None], (times > T[:, None]) & (times <= T[:, None] + HORIZON)
    x = (made & past).sum(axis=1).astype(float)
    t_x = np.where(made & past, times, 0.0).max(axis=1)
    return x, t_x, T, (made & ahead).sum(axis=1), (bought & ahead).sum(axis=1)


def draw(name, params, random, end):
    """Times of possible purchases, which of them are made without churn, and the last one or the lifetime."""
    n, never = CUSTOMERS, np.full(CUSTOMERS, np.inf)
    if name == "bg_bb":
        count = int(end / params["period"])
        times = np.tile(np.arange(1, count + 1) * params["period"], (n, 1))
        bought = random.random(times.shape) < random.beta(params["alpha"], params["beta"], n)[:, None]
        lives = random.geometric(random.beta(params["gamma"], params["delta"], n)) - 1.0
        return times, bought, never, lives * params["period"]
    rate = random.gamma(params["r"], 1.0 / params["alpha"], n)
    events = int(random.poisson(rate * end).max() * 1.5) + 20
    times = np.cumsum(random.standard_exponential((n, events), dtype=np.float32), axis=1) / rate[:, None]
    times = times[:, params.get("k", 1) - 1 :: params.get("k", 1)]
    last, lifetime = never, never
    if "a" in params:
        last = random.geometric(random.beta(params["a"], params["b"], n)) - float(name.startswith("mbg"))
    elif name == "pareto_nbd":
        lifetime = random.standard_exponential(n) / random.gamma(params["s"], 1.0 / params["beta"], n)
    elif name == "ggom_nbd":
        eta = random.gamma(params["s"], 1.0 / params["beta"], n)
        lifetime = np.log1p(random.standard_exponential(n) / eta) / params["b"]
    return times, np.ones(times.shape, dtype=bool), last, lifetime


@pytest.mark.parametrize("name", PROCESSES)
def test_purchases_at_risk_are_those_that_churn_takes_in_a_simulation(name):
    x, t_x, T, with_churn, without = simulate(name)
    process, params = PROCESSES[name], PARAMS[name]
    staying, returning = process.expected_purchases_kept(params, x, t_x, T, HORIZON)
    at_risk = staying + returning - process.expected_purchases(params, x, t_x, T, HORIZON)
    lost = without - with_churn
    if name == "nbd":
        assert lost.sum() == 0
        assert np.abs(at_risk).max() < 1e-9
        return
    assert at_risk.sum() == pytest.approx(lost.sum(), rel=0.05)
    gone = process.probability_alive(params, x, t_x, T) < 0.5
    for rows in (x == 0, x > 0, gone, ~gone):
        expected = at_risk[rows].sum()
        assert expected == pytest.approx(lost[rows].sum(), rel=0.07, abs=5 * np.sqrt(without[rows].sum()))


@pytest.mark.parametrize("name", PROCESSES)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_purchases_if_kept_are_the_posterior_mean_rate_and_no_fewer_than_expected(name, data):
    process = PROCESSES[name]
    factors = data.draw(st.lists(st.floats(0.2, 5.0), min_size=5, max_size=5))
    params = {
        symbol: value if symbol in ("k", "period") else value * factor
        for (symbol, value), factor in zip(PARAMS[name].items(), factors, strict=False)
    }
    T = data.draw(st.floats(1.0, 400.0))
    x = float(data.draw(st.integers(0, 40)))
    t_x, horizon = T * data.draw(st.floats(0.01, 1.0)) * (x > 0), data.draw(st.floats(1.0, 400.0))
    staying, returning = process.expected_purchases_kept(params, x, t_x, T, horizon)
    expected = process.expected_purchases(params, x, t_x, T, horizon)
    assert returning >= 0.0
    assert staying >= expected * (1.0 - 1e-9)
    if params.get("k", 1) == 1:
        if name == "bg_bb":
            shape, mean = "alpha", params["alpha"] / (params["alpha"] + params["beta"]) / params["period"]
        else:
            shape, mean = "r", params["r"] / params["alpha"]
        more = {**params, shape: params[shape] + 1.0}
        ratio = process.log_likelihood(more, x, t_x, T) - process.log_likelihood(params, x, t_x, T)
        assert staying + returning == pytest.approx(mean * np.exp(ratio) * horizon, rel=1e-7)


# --- the scorer --------------------------------------------------------------------------------------------

ALONE = {name: CorrectionModel("value model alone") for name in ("churn", "purchases", "spend")}
MODEL = ServedModel(
    as_of="2024-06-30",
    horizon_days=60,
    language="en",
    data=DataRules("net", "keep", "D", "UTC"),
    purchases=PurchaseModels(
        {"pareto_nbd": FittedProcess(PARAMS["pareto_nbd"], None)}, ("pareto_nbd",), ("pareto_nbd",)
    ),
    spend=SpendModel("gamma_gamma", {"p": 6.0, "q": 4.0, "v": 15.0}, None),
    lifetime_value=LifetimeValue(0.1, 0.4, 0.9),
    drivers=Drivers(0, ((0.0, 0.0, 30.0),)),
    limits=Limits(10, 5, 100, 60, 50),
    corrections=ALONE,
)
MARGINS = replace(MODEL, margin=MarginModel(0.4, 0.01, 0.03))
CORRECTED = {**ALONE, "purchases": CorrectionModel("level", slope=0.9, level=-0.2)}
MONEY = ["monetary_value", "expected_spend", "clv", "clv_lower", "clv_upper", "value_at_risk"]


def table(rows=400, seed=3):
    random = np.random.default_rng(seed)
    frequency = random.poisson(3.0, rows).astype(float)
    T = random.uniform(1.0, 300.0, rows)
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": np.where(frequency > 0, T * random.random(rows), 0.0),
            "T": T,
            "monetary_value": np.where(frequency > 0, random.gamma(4.0, 8.0, rows), 0.0),
            "margin_share": np.where(random.random(rows) < 0.1, np.nan, random.normal(0.3, 0.4, rows)),
        }
    )


@pytest.mark.parametrize("model", [MODEL, MARGINS, replace(MODEL, corrections=CORRECTED)])
@pytest.mark.parametrize("discount", [0.0, 0.5, -0.3])
def test_value_if_kept_is_at_least_the_expected_value(model, discount):
    scores = Scorer(model, {}).score(table(), annual_discount_rate=discount)
    assert (scores["value_at_risk"] >= 0.0).all()
    earning = scores["clv"] >= 0.0
    assert (scores["value_at_risk"][earning] > 0.0).all()
    assert (scores["clv_lower"] <= scores["clv"]).all()
    assert (scores["clv"] <= scores["clv_upper"]).all()


def test_value_at_risk_is_purchases_if_kept_less_expected_ones_times_spend_times_margin():
    scores = Scorer(MODEL, {}).score(table(), annual_discount_rate=0.0)
    mixture = PurchaseMixture([(PROCESSES["pareto_nbd"], PARAMS["pareto_nbd"])])
    kept = sum(
        mixture.expected_purchases_kept(*(table()[name] for name in ("frequency", "recency", "T")), 60.0)
    )
    lost = (kept - scores["expected_purchases"]) * scores["expected_spend"] * 0.4
    np.testing.assert_allclose(scores["value_at_risk"], lost, rtol=1e-9)


def test_a_customer_who_has_left_is_worth_winning_back_and_one_who_stays_is_at_little_risk():
    rows = pd.DataFrame(
        {"frequency": [20.0, 20.0], "recency": [60.0, 178.0], "T": 180.0, "monetary_value": 30.0}
    )
    gone, here = Scorer(MODEL, {}).score(rows).to_dict("records")
    assert gone["churn_probability"] > 0.98
    assert gone["value_at_risk"] > 20 * gone["clv"]
    assert here["value_at_risk"] < 0.35 * here["clv"]


@pytest.mark.parametrize("model", [MODEL, MARGINS])
@pytest.mark.parametrize("factor", [0.01, 7.0])
def test_all_money_is_in_the_unit_of_the_amounts(model, factor):
    spend = replace(model.spend, params={**model.spend.params, "v": 15.0 * factor})
    scaled = table().assign(monetary_value=lambda rows: rows["monetary_value"] * factor)
    one = Scorer(model, {}).score(table())
    other = Scorer(replace(model, spend=spend), {}).score(scaled)
    np.testing.assert_allclose(other[MONEY], one[MONEY] * factor, rtol=1e-9, atol=1e-12)
    rest = one.columns.difference([*MONEY, "as_of", "next_purchase_date"])
    pd.testing.assert_frame_equal(other[rest], one[rest])


def test_margins_of_the_log_replace_the_rate():
    scores = Scorer(MARGINS, {}).score(table())
    plain = Scorer(MODEL, {}).score(table())
    assert "margin_rate" not in plain
    assert Scorer(MARGINS, {}).features == [*Scorer(MODEL, {}).features, "margin_share"]
    share = table()["margin_share"].clip(-1.0, 1.0)
    n = table()["frequency"] + 1.0
    weight = (0.01 * n / (0.01 * n + 0.03)).where(share.notna(), 0.0)
    rate = weight * share.fillna(0.0) + (1.0 - weight) * 0.4
    np.testing.assert_allclose(scores["margin_rate"], rate, rtol=1e-12)
    np.testing.assert_allclose(scores["clv"], plain["clv"] / 0.4 * rate, rtol=1e-12)
    losing = rate < 0.0
    assert losing.any()
    assert (scores["value_at_risk"][losing] == 0.0).all()


# --- the simulated company ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company():
    """A company with its true rates, and its scores for the next 90 days by Pareto/NBD and its margins."""
    company, days = simulate_company(customers=8000, seed=1), 90
    log = read_transactions(company.transactions)
    try:
        features = features_at(log, company.as_of, days)
    finally:
        log.close()
    purchases, spend = ParetoNBD().fit(features), GammaGamma().fit(features)
    model = replace(
        MODEL,
        as_of=company.as_of.isoformat(),
        purchases=PurchaseModels(
            {"pareto_nbd": FittedProcess(purchases.params_, None)}, ("pareto_nbd",), ("pareto_nbd",)
        ),
        spend=SpendModel(spend.process_.name, spend.params_, None),
        margin=fit_margins(features),
    )
    scores = Scorer(model, {}).score(features, horizon_days=days, annual_discount_rate=0.0)
    return company, days, scores.assign(customer_id=features["customer_id"])


def test_future_value_is_the_margin_that_comes(company):
    company, days, scores = company
    came = company.realised(company.as_of, days)
    assert scores["clv"].sum() == pytest.approx(came["margin"].sum(), rel=0.1)
    assert (scores["expected_purchases"] * scores["expected_spend"]).sum() == pytest.approx(
        came["spend"].sum(), rel=0.1
    )


def test_value_at_risk_is_the_margin_that_churn_takes_from_the_company(company):
    company, days, scores = company
    with_churn = company.expected(company.as_of, days).set_index("customer_id")
    true = company.truth.set_index("customer_id").loc[scores["customer_id"]]
    margin = with_churn["margin"].sum() / with_churn["spend"].sum()
    spend = true["spend_level"] * NET_OF_REFUNDS
    without = (true["purchase_rate"] * days * spend).sum() * margin
    lost = without - with_churn.loc[scores["customer_id"], "margin"].sum()
    assert scores["value_at_risk"].sum() == pytest.approx(lost, rel=0.05)
