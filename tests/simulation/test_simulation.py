from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import beta as beta_function
from scipy.special import digamma
from scipy.stats import nbinom

from guanxi import simulation
from guanxi.errors import ParamsError
from guanxi.simulation import simulate_transactions

T = 150.0
N = 40_000
SPEND = {"p": 6.0, "q": 6.0, "v": 15.0}
PARAMS = {
    "nbd": {"r": 0.5, "alpha": 20.0},
    "bg_nbd": {"r": 0.5, "alpha": 20.0, "a": 0.8, "b": 2.5},
    "mbg_nbd": {"r": 0.5, "alpha": 20.0, "a": 0.8, "b": 2.5},
    "bg_cnbd": {"k": 3, "r": 0.9, "alpha": 10.0, "a": 0.8, "b": 2.5},
    "mbg_cnbd": {"k": 3, "r": 0.9, "alpha": 10.0, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.5, "alpha": 20.0, "s": 1.6, "beta": 90.0},
    "ggom_nbd": {"r": 0.5, "alpha": 20.0, "b": 0.02, "s": 1.6, "beta": 4.0},
}


def simulate(model, *arguments, **named):
    return getattr(simulation, f"simulate_{model}")(*arguments, **named)


@pytest.fixture(scope="module")
def customers():
    """A base of each model, made once."""
    return {model: simulate(model, params, n=N, T=T, seed=1) for model, params in PARAMS.items()}


def error_of_mean(values):
    return values.std() / np.sqrt(len(values))


def assert_share(drawn, exact):
    assert drawn.mean() == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / len(drawn)))


def test_nbd_has_its_mean_variance_and_counts(customers):
    frequency = customers["nbd"]["frequency"]
    r, alpha = PARAMS["nbd"].values()
    mean = r * T / alpha
    assert frequency.mean() == pytest.approx(mean, abs=5 * error_of_mean(frequency))
    deviations = (frequency - mean) ** 2
    assert deviations.mean() == pytest.approx(mean + mean**2 / r, abs=5 * error_of_mean(deviations))
    for n in range(8):
        assert_share(frequency == n, nbinom.pmf(n, r, alpha / (alpha + T)))
    assert customers["nbd"]["alive"].all()


def test_bg_nbd_has_the_counts_of_equation_8_of_fader_hardie_and_lee_2005(customers):
    r, alpha, a, b = PARAMS["bg_nbd"].values()
    for n in range(8):
        arrivals = nbinom(r, alpha / (alpha + T))
        exact = beta_function(a, b + n) * arrivals.pmf(n)
        if n > 0:
            exact += beta_function(a + 1, b + n - 1) * arrivals.sf(n - 1)
        assert_share(customers["bg_nbd"]["frequency"] == n, exact / beta_function(a, b))


def test_bg_nbd_customers_are_alive_as_fader_hardie_and_lee_2008_say(customers):
    rfm = customers["bg_nbd"]
    r, alpha, a, b = PARAMS["bg_nbd"].values()
    x = rfm["frequency"].to_numpy()
    odds = a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + rfm["recency"].to_numpy())) ** (r + x)
    probability = np.where(x > 0, 1 / (1 + odds), 1.0)
    for tenth in np.array_split(np.argsort(probability), 10):
        assert rfm["alive"].to_numpy()[tenth].mean() == pytest.approx(probability[tenth].mean(), abs=0.04)


@pytest.mark.parametrize("model", ["mbg_nbd", "mbg_cnbd"])
def test_modified_models_lose_customers_after_the_first_purchase(customers, model):
    params = PARAMS[model]
    rfm = customers[model]
    none = nbinom.cdf(params.get("k", 1) - 1, params["r"], params["alpha"] / (params["alpha"] + T))
    gone = params["a"] / (params["a"] + params["b"])
    assert_share(rfm["frequency"] == 0, gone + (1 - gone) * none)
    assert_share(~rfm["alive"] & (rfm["frequency"] == 0), gone)


def test_regular_buyers_without_a_repeat_purchase_have_had_fewer_than_k_events(customers):
    k, r, alpha, _, _ = PARAMS["bg_cnbd"].values()
    rfm = customers["bg_cnbd"]
    assert_share(rfm["frequency"] == 0, nbinom.cdf(k - 1, r, alpha / (alpha + T)))
    assert rfm.loc[rfm["frequency"] == 0, "alive"].all()


@pytest.mark.parametrize("k", [1, 4])
def test_gaps_are_erlang_distributed(k):
    # Observed to the end: everybody drops out long before T, so no gap is cut off.
    params = {"k": k, "r": 8.0, "alpha": 8.0, "a": 3.0, "b": 3.0}
    rfm = simulate("bg_cnbd", params, n=N, T=1e9, seed=2)
    assert not rfm["alive"].any()
    gaps = rfm["frequency"].sum()
    scaled = rfm["recency"] * rfm["purchase_rate"]
    assert scaled.sum() / gaps == pytest.approx(k, abs=5 * np.sqrt(k / gaps))
    logs = rfm["log_gap_sum"] + rfm["frequency"] * np.log(rfm["purchase_rate"])
    assert logs.sum() / gaps == pytest.approx(digamma(k), abs=5 * 1.3 / np.sqrt(gaps))


def test_pareto_nbd_has_the_mean_and_survivors_of_schmittlein_morrison_and_colombo_1987(customers):
    rfm = customers["pareto_nbd"]
    r, alpha, s, beta = PARAMS["pareto_nbd"].values()
    expected = r * beta / (alpha * (s - 1)) * (1 - (beta / (beta + T)) ** (s - 1))
    assert rfm["frequency"].mean() == pytest.approx(expected, abs=5 * error_of_mean(rfm["frequency"]))
    assert_share(rfm["alive"], (beta / (beta + T)) ** s)
    pd.testing.assert_series_equal(rfm["alive"], rfm["lifetime"] > T, check_names=False)


def test_ggom_nbd_has_the_mean_and_survivors_of_bemmaor_and_glady_2012(customers):
    rfm = customers["ggom_nbd"]
    r, alpha, b, s, beta = PARAMS["ggom_nbd"].values()

    def survivors(t):
        return (beta / (beta + np.expm1(b * t))) ** s

    for t in (20.0, 75.0, T):
        assert_share(rfm["lifetime"] > t, survivors(t))
    expected = r / alpha * quad(survivors, 0.0, T)[0]
    assert rfm["frequency"].mean() == pytest.approx(expected, abs=5 * error_of_mean(rfm["frequency"]))
    assert (rfm["recency"] <= rfm["lifetime"]).all()


@pytest.mark.parametrize("model", ["bg", "mbg"])
def test_regularity_1_is_random_buying(model):
    params = PARAMS[f"{model}_nbd"]
    pd.testing.assert_frame_equal(
        simulate(f"{model}_cnbd", {"k": 1, **params}, n=500, T=T, seed=3),
        simulate(f"{model}_nbd", params, n=500, T=T, seed=3),
    )


def test_amounts_follow_gamma_gamma():
    rfm = simulate("bg_nbd", PARAMS["bg_nbd"], n=N, T=T, seed=1, spend_params=SPEND)
    repeated = rfm[rfm["frequency"] > 0]
    expected = SPEND["p"] * SPEND["v"] / (SPEND["q"] - 1)
    assert repeated["monetary_value"].mean() == pytest.approx(expected, rel=0.05)
    assert (rfm.loc[rfm["frequency"] == 0, "monetary_value"] == 0).all()


@pytest.mark.parametrize("model", PARAMS)
def test_seed_decides(model):
    first, again, other = (simulate(model, PARAMS[model], n=50, T=T, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


@pytest.mark.parametrize("model", PARAMS)
@given(
    r=st.floats(0.05, 5.0), ages=st.lists(st.floats(0.0, 300.0), min_size=1, max_size=30), seed=st.integers(0)
)
@settings(max_examples=15, deadline=None)
def test_histories_agree_with_themselves_and_with_any_time_unit(model, r, ages, seed):
    params = PARAMS[model] | {"r": r}
    rfm = simulate(model, params, n=len(ages), T=ages, seed=seed)
    x, recency = rfm["frequency"], rfm["recency"]
    assert ((recency >= 0) & (recency <= rfm["T"])).all()
    assert ((x == 0) == (recency == 0)).all()
    assert (rfm.loc[x == 0, "log_gap_sum"] == 0).all()
    # The mean of logarithms is at most the logarithm of the mean gap.
    mean_gap = np.log(np.where(x > 0, recency / np.maximum(x, 1), 1.0))
    assert (rfm["log_gap_sum"] <= x * mean_gap + 1e-9 * (1 + x * np.abs(mean_gap))).all()

    powers = {"alpha": 1} | ({"b": -1} if model == "ggom_nbd" else {"beta": 1})
    weekly = {name: value * 7.0 ** -powers.get(name, 0) for name, value in params.items()}
    again = simulate(model, weekly, n=len(ages), T=np.array(ages) / 7.0, seed=seed)
    pd.testing.assert_series_equal(again["frequency"], x)
    np.testing.assert_allclose(again["recency"] * 7.0, recency)
    np.testing.assert_allclose(again["log_gap_sum"] + x * np.log(7.0), rfm["log_gap_sum"], atol=1e-9)


@pytest.mark.parametrize("model", PARAMS)
def test_transactions_are_the_purchases_summed_up(model):
    log = simulate_transactions(model, PARAMS[model], SPEND, n=3000, T=T, seed=7, cutoff="2024-12-31")
    rfm = simulate(model, PARAMS[model], n=3000, T=T, seed=7)
    end = pd.Timestamp("2024-12-31 23:59:59")
    assert log["timestamp"].max() <= end
    assert log["timestamp"].groupby(log["customer_id"]).is_monotonic_increasing.all()
    by_customer = log.groupby("customer_id")["timestamp"]
    assert ((end - by_customer.min()) == pd.Timedelta(days=T)).all()
    np.testing.assert_array_equal(by_customer.size() - 1, rfm["frequency"])
    recency = (by_customer.max() - by_customer.min()).dt.total_seconds() / 86400
    np.testing.assert_allclose(recency, rfm["recency"], atol=1 / 86400)


def test_amounts_of_transactions_follow_gamma_gamma():
    log = simulate_transactions("nbd", PARAMS["nbd"], SPEND, n=20_000, T=10.0, seed=7)
    mean_of_customers = log.groupby("customer_id")["amount"].mean()
    expected = SPEND["p"] * SPEND["v"] / (SPEND["q"] - 1)
    assert mean_of_customers.mean() == pytest.approx(expected, abs=5 * error_of_mean(mean_of_customers))


@pytest.mark.parametrize(
    ("params", "ages", "message"),
    [
        ({"r": 0.5}, 1.0, "NBD has the parameters r, alpha, not r$"),
        ({"r": 0.5, "alpha": 2.0, "s": 1.0}, 1.0, "not r, alpha, s"),
        ({"r": 0.0, "alpha": 2.0}, 1.0, "r of NBD is 0.0: give a finite number above 0"),
        ({"r": 0.5, "alpha": float("nan")}, 1.0, "alpha of NBD is nan"),
        ({"r": 0.5, "alpha": 2.0}, -1.0, "T does not hold a time for each of 3 customers"),
        ({"r": 0.5, "alpha": 2.0}, [1.0, 2.0], "give one or 3 finite numbers"),
    ],
)
def test_unusable_arguments_are_refused(params, ages, message):
    with pytest.raises(ParamsError, match=message):
        simulate("nbd", params, n=3, T=ages, seed=1)


def test_unusable_regularity_spend_and_model_are_refused():
    with pytest.raises(ParamsError, match=r"k of BG/CNBD-k is 1\.5: give a whole number"):
        simulate("bg_cnbd", PARAMS["bg_cnbd"] | {"k": 1.5}, n=3, T=T, seed=1)
    with pytest.raises(ParamsError, match="Gamma-Gamma has the parameters p, q, v"):
        simulate_transactions("nbd", PARAMS["nbd"], {"q": 2.0}, n=3, T=T, seed=1)
    with pytest.raises(ParamsError, match="model 'pareto' is unknown: use one of nbd, bg_nbd"):
        simulate_transactions("pareto", PARAMS["nbd"], SPEND, n=3, T=T, seed=1)
