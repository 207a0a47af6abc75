"""Small random, deliberately degenerate customer bases: a guanxi error, or valid predictions."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import FitWarning, GuanxiError
from guanxi.models import GammaGamma
from guanxi.models.purchase_models import TRANSACTION_MODELS, transaction_model

MODELS = [*TRANSACTION_MODELS, "gamma_gamma"]
BASES = 1000
QUICK = 40
LARGEST, LARGEST_OF_QUICK = 300, 60


def random_base(seed, largest=LARGEST):
    """A base of 1 to 300 customers, often unrealistic."""
    generator = np.random.default_rng(seed)
    n = int(np.exp(generator.uniform(0.0, np.log(largest))))
    T = random_ages(generator, n)
    kind = generator.integers(8)
    frequency = random_frequencies(generator, kind, T)
    weekly = kind == 6
    share = (
        np.where(T > 0, 7.0 * frequency / np.maximum(T, 1e-9), 0.0) if weekly else random_shares(generator, n)
    )
    amount = random_amounts(generator, n)
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": np.where(frequency > 0, T * np.clip(share, 0.0, 1.0), 0.0),
            "T": T,
            "monetary_value": np.where(frequency > 0, amount, 0.0),
        }
    )


def random_ages(generator, n):
    same = np.full(n, float(generator.integers(1, 400)))
    return (same, generator.integers(0, 400, n).astype(float), generator.uniform(0, 60, n))[
        generator.integers(3)
    ]


def random_frequencies(generator, kind, T):
    n = len(T)
    return (
        np.zeros(n),
        np.full(n, float(generator.integers(0, 5))),
        generator.poisson(2.0, n).astype(float),
        generator.negative_binomial(0.3, 0.1, n).astype(float),
        np.where(generator.random(n) < 0.05, generator.integers(1, 4000, n), 0).astype(float),
        generator.integers(0, 3, n).astype(float),
        np.floor(T / 7.0),
        generator.poisson(T / 30.0).astype(float),
    )[kind]


def random_shares(generator, n):
    """Recency as a share of T."""
    shares = (generator.random(n), np.ones(n), np.zeros(n), 1.0 - generator.random(n) ** 8, np.full(n, 0.5))
    return shares[generator.integers(5)]


def random_amounts(generator, n):
    return (
        np.full(n, 25.0),
        generator.gamma(6.0, 5.0, n),
        generator.lognormal(2.0, 3.0, n),
        np.where(generator.random(n) < 0.5, 0.0, 10.0),
        generator.pareto(0.8, n),
    )[generator.integers(5)]


def amounts_of(model, rfm):
    yield "purchases of a new customer", model.expected_purchases_new([0.0, 10.0, 1000.0])
    yield "next purchase", model.next_purchase_quantile(rfm, 0.5)
    yield "discounted", model.discounted_expected_residual_transactions(rfm[:20], 0.001, 365.0)  # slow
    for horizon in (0.0, 1.0, 90.0, 20000.0):
        yield f"purchases in {horizon}", model.expected_purchases(rfm, horizon)


def probabilities_of(model, rfm):
    yield "alive", model.probability_alive(rfm)
    yield "alive later", model.probability_alive(rfm, 100.0)
    for horizon in (0.0, 1.0, 90.0, 20000.0):
        yield f"none in {horizon}", model.probability_no_purchase(rfm, horizon)
        yield f"two in {horizon}", model.purchase_probability(rfm, 2, horizon)


def check_purchases(name, rfm):
    model = transaction_model(name).fit(rfm)
    report = model.fit_report_
    assert (report["model"] == name) == (report["fallback"] is None)
    assert report["fallback"] is None or name in report["fallback"]
    assert np.isfinite(model.log_likelihood_)
    assert np.isfinite(list(model.params_.values())).all()
    for what, values in amounts_of(model, rfm):
        assert (np.isfinite(values) & (values >= 0.0)).all(), what
    for what, values in probabilities_of(model, rfm):
        assert ((values >= 0.0) & (values <= 1.0 + 1e-9)).all(), what
    type(model).from_json(model.to_json())


def check_spend(rfm):
    model = GammaGamma().fit(rfm)
    report = model.fit_report_
    assert (report["model"] == "gamma_gamma") == (report["fallback"] is None)
    values = model.expected_spend(rfm)
    assert (np.isfinite(values) & (values > 0.0)).all()


def check(name, seed, largest=LARGEST):
    rfm = random_base(seed, largest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FitWarning)
        try:
            check_spend(rfm) if name == "gamma_gamma" else check_purchases(name, rfm)
        except GuanxiError:
            return
        except Exception as error:
            error.add_note(f"{name}, base {seed}")
            raise


@pytest.mark.parametrize("seed", range(QUICK))
def test_a_few_random_bases(seed):
    check(MODELS[seed % len(MODELS)], seed, LARGEST_OF_QUICK)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_thousand_random_bases(name):
    for seed in range(QUICK + MODELS.index(name), QUICK + BASES, len(MODELS)):
        check(name, seed)


def test_the_bases_include_degenerate_cases():
    bases = [random_base(seed) for seed in range(400)]
    assert min(map(len, bases)) == 1
    assert max(map(len, bases)) > 0.9 * LARGEST
    assert any((rfm["frequency"] == 0).all() for rfm in bases)
    assert any((rfm["T"] == 0).any() for rfm in bases)
    assert any((rfm["frequency"] > 1000).any() for rfm in bases)
    assert any((rfm["recency"] == rfm["T"]).all() for rfm in bases)
    assert any((rfm["frequency"] == 3).all() for rfm in bases)


@pytest.mark.parametrize("scale", [1e-98, 1e-50, 1e50, 1e98])
@pytest.mark.parametrize("outlier", [1.0, 1e-30, 1e30])
def test_amounts_at_the_edges_of_floats_are_fitted(scale, outlier):
    random = np.random.default_rng(1)
    amount = np.minimum(random.gamma(6.0, 3.0, 300) * scale, 1e99)
    amount[3] = min(amount[3] * outlier, 1e99)
    rfm = pd.DataFrame({"frequency": random.integers(1, 10, 300), "monetary_value": amount})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model = GammaGamma().fit(rfm)
    expected = model.expected_spend(rfm)
    assert np.isfinite(expected).all()
    assert (expected >= 0).all()


def test_amounts_beyond_any_business_are_refused():
    rfm = pd.DataFrame({"frequency": [2.0, 3.0], "monetary_value": [1e-200, 1e-310]})
    with pytest.raises(GuanxiError, match="no repeat purchase has an amount above 0"):
        GammaGamma().fit(rfm)
    rfm = pd.DataFrame({"frequency": [2.0, 3.0], "monetary_value": [1.0, 1e274]})
    with pytest.raises(GuanxiError, match=r"'monetary_value' is above 1e\+100 in 1 of 2 rows \(first: 1\)"):
        GammaGamma().fit(rfm)
