from __future__ import annotations

import dataclasses
import json
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi.errors import FitError, FitWarning, GuanxiError
from guanxi.models import GammaGamma
from guanxi.models._maximum_likelihood import maximize_from
from guanxi.models.gamma_gamma import _frequency_spend_correlation
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL
from guanxi.simulation import simulate_bg_nbd

# Fallbacks and dependence raise warnings; their text is tested through the report.
pytestmark = pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")

TRUTH = {"p": 6.0, "q": 4.0, "v": 15.0}
PURCHASES = {"r": 1.0, "alpha": 10.0, "a": 0.8, "b": 2.5}


@pytest.fixture(scope="module")
def simulated():
    return simulate_bg_nbd(PURCHASES, n=6000, T=40.0, seed=2, spend_params=TRUTH)


@pytest.fixture(scope="module")
def fitted(simulated):
    return GammaGamma().fit(simulated)


def _amounts(*values):
    return pd.DataFrame({"frequency": [1] * len(values), "monetary_value": values})


def test_simulated_truth_is_recovered(fitted):
    for name, truth in TRUTH.items():
        assert (
            abs(np.log(fitted.params_[name] / truth))
            < 4 * fitted.standard_errors_[name] / fitted.params_[name]
        )


def test_skipped_customers_are_counted(fitted, simulated):
    repeated = int((simulated["frequency"] > 0).sum())
    assert fitted.fit_report_["customers"] == repeated
    assert fitted.fit_report_["skipped_customers"] == len(simulated) - repeated


def test_unit_of_the_amounts_changes_v_only(simulated, fitted):
    cents = GammaGamma().fit(simulated.assign(monetary_value=simulated["monetary_value"] * 100))
    assert cents.params_ == pytest.approx({**fitted.params_, "v": fitted.params_["v"] * 100}, rel=1e-6)


def test_weights_equal_repetition(simulated):
    some = simulated[:500]
    doubled = GammaGamma().fit(pd.concat([some, some]))
    weighted = GammaGamma().fit(some, sample_weight=np.full(500, 2))
    assert weighted.params_ == pytest.approx(doubled.params_, rel=1e-8)
    assert weighted.standard_errors_ == pytest.approx(doubled.standard_errors_, rel=1e-6)


def test_scikit_learn_conventions(fitted, simulated):
    assert GammaGamma().get_params() == {}
    assert not hasattr(clone(fitted), "params_")
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.expected_spend(simulated), fitted.expected_spend(simulated))
    with pytest.raises(NotFittedError):
        GammaGamma().expected_spend(simulated)


def test_usual_amounts_are_fitted_without_warnings(fitted):
    assert fitted.process_ is GAMMA_GAMMA
    assert fitted.fit_report_["model"] == "gamma_gamma"
    assert fitted.fit_report_["fallback"] is None
    assert fitted.fit_report_["warnings"] == []
    np.testing.assert_allclose(
        np.sqrt(np.diag(fitted.log_covariance_)),
        [fitted.standard_errors_[name] / fitted.params_[name] for name in TRUTH],
    )


def _spread(p, q, v, n=400, frequency=None, seed=8):
    """Mean amounts of n customers, drawn from Gamma-Gamma."""
    generator = np.random.default_rng(seed)
    x = generator.integers(1, 6, n) if frequency is None else np.full(n, frequency)
    return pd.DataFrame(
        {"frequency": x, "monetary_value": generator.gamma(p * x) / generator.gamma(q, 1 / v, n) / x}
    )


@pytest.mark.parametrize(
    ("rfm", "reason"),
    [
        (_amounts(9.99), "only one customer"),
        (_amounts(9.99, 9.99, 9.99), "all mean amounts are equal"),
        (_spread(2.0, 0.5, 5.0), "population mean does not exist"),
        (_spread(2.0, 1e7, 1e8), "customers hardly differ"),
        (_spread(3.0, 1.02, 5.0, n=60, seed=1), "times the observed mean"),
    ],
    ids=["one customer", "constant", "q <= 1", "q > 1e3", "mean"],
)
def test_unsuitable_amounts_fall_back_to_the_own_mean(rfm, reason):
    model = GammaGamma().fit(rfm)
    assert reason in model.fit_report_["fallback"]
    assert model.process_ is LOG_NORMAL
    assert model.fit_report_["model"] == "log_normal"
    assert list(model.params_) == list(LOG_NORMAL.parameters)
    assert np.isinf(model.covariance_.to_numpy()).all()
    assert np.isinf(model.log_covariance_.to_numpy()).all()
    assert json.loads(json.dumps(model.params_)) == model.params_
    assert json.loads(json.dumps(model.fit_report_)) == model.fit_report_
    spent = rfm["frequency"] @ rfm["monetary_value"]
    assert 0.8 * spent < rfm["frequency"] @ model.expected_spend(rfm) < 1.001 * spent


def test_a_fallback_raises_a_warning():
    with pytest.warns(FitWarning, match="all mean amounts are equal"):
        GammaGamma().fit(_amounts(5.0, 5.0, 5.0))


def test_no_convergence_falls_back(monkeypatch, simulated):
    def stuck(objective, starts):
        optimum, used = maximize_from(objective, starts)
        return dataclasses.replace(optimum, converged=False), used

    monkeypatch.setattr("guanxi.models.gamma_gamma.maximize_from", stuck)
    model = GammaGamma().fit(simulated)
    assert "did not converge" in model.fit_report_["fallback"]
    assert not model.converged_
    assert np.isfinite(model.expected_spend(simulated)).all()


@pytest.mark.parametrize("rfm", [_amounts(9.99), _amounts(9.99, 9.99, 9.99)], ids=["one", "constant"])
def test_constant_amounts_are_predicted_for_all_customers(rfm):
    model = GammaGamma().fit(rfm)
    newcomer = pd.DataFrame({"frequency": [0], "monetary_value": [0.0]})
    assert model.expected_spend(newcomer)[0] == pytest.approx(9.99)
    assert model.expected_spend(rfm) == pytest.approx(9.99)
    assert model.params_["between_variance"] == model.params_["within_variance"] == 0.0


class TestIndependence:
    def test_cdnow_correlation(self, cdnow_sample):
        """Fader & Hardie, note 025, report a correlation of 0.11."""
        report = GammaGamma().fit(cdnow_sample).fit_report_
        assert round(report["frequency_spend_correlation"]["pearson"], 2) == 0.11
        assert report["warnings"] == []

    def test_weighted_correlations_are_those_of_repeated_rows(self):
        generator = np.random.default_rng(2)
        x, m = generator.integers(1, 9, 50).astype(float), generator.gamma(3.0, 10.0, 50).round()
        weight = generator.integers(1, 5, 50)
        found = _frequency_spend_correlation(x, m, weight.astype(float))
        repeated = np.repeat(x, weight), np.repeat(m, weight)
        assert found["pearson"] == pytest.approx(pearsonr(*repeated).statistic)
        assert found["spearman"] == pytest.approx(spearmanr(*repeated).statistic)

    @pytest.mark.parametrize(
        ("power", "said"),
        [
            (0.8, "more per purchase .* few purchases is overstated, that of frequent ones understated"),
            (-0.8, "less per purchase .* few purchases is understated, that of frequent ones overstated"),
        ],
    )
    def test_dependence_is_reported_with_its_effect(self, power, said):
        rfm = _spread(6.0, 8.0, 15.0)
        rfm["monetary_value"] *= rfm["frequency"] ** power
        with pytest.warns(FitWarning, match=said):
            model = GammaGamma().fit(rfm)
        assert re.search(said, model.fit_report_["warnings"][0])

    def test_the_reported_effect_is_correct(self):
        # Amounts grow with the purchase rate: the true mean is lower for newcomers, higher for frequent
        # buyers.
        generator = np.random.default_rng(5)
        rate = generator.gamma(1.0, 2.0, 40_000)
        x = generator.poisson(rate)
        truth = 10.0 * np.sqrt(1.0 + rate) * generator.gamma(8.0, 1 / 8, 40_000)
        m = np.where(x > 0, truth * generator.gamma(4.0 * np.maximum(x, 1)) / (4.0 * np.maximum(x, 1)), 0.0)
        rfm = pd.DataFrame({"frequency": x, "monetary_value": m})
        model = GammaGamma().fit(rfm)
        assert "overstated, that of frequent ones understated" in model.fit_report_["warnings"][0]
        expected = model.expected_spend(rfm)
        assert expected[x == 0].mean() > 1.05 * truth[x == 0].mean()
        assert expected[x >= 4].mean() < 0.99 * truth[x >= 4].mean()

    def test_few_customers_raise_no_warning(self):
        x, m = np.array([1, 2, 3, 4, 5, 6, 7]), np.array([10.0, 12.0, 19.0, 15.0, 28.0, 22.0, 27.0])
        report = GammaGamma().fit(pd.DataFrame({"frequency": x, "monetary_value": m})).fit_report_
        assert report["frequency_spend_correlation"]["spearman"] > 0.8
        assert not any("per purchase" in warning for warning in report["warnings"])

    def test_equal_frequencies_have_no_correlation(self):
        correlation = GammaGamma().fit(_spread(6.0, 4.0, 15.0, frequency=2)).fit_report_
        assert correlation["frequency_spend_correlation"] == {"pearson": None, "spearman": None}


@pytest.mark.parametrize(
    "rfm", [_amounts(0.0, 0.0), _amounts(5.0).assign(frequency=0)], ids=["zero", "one-time"]
)
def test_no_information_is_an_error(rfm):
    with pytest.raises(
        FitError, match=r"no repeat purchase has an amount above 0: nothing to learn spend from"
    ):
        GammaGamma().fit(rfm)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 300), st.one_of(st.sampled_from([0.0, 1.0, 9.99]), st.floats(0.001, 1e6))),
        min_size=1,
        max_size=15,
    )
)
def test_small_bases_give_finite_predictions_or_a_guanxi_error(rows):
    rfm = pd.DataFrame(rows, columns=["frequency", "monetary_value"])
    try:
        model = GammaGamma().fit(rfm)
    except GuanxiError:
        return
    assert np.isfinite(model.expected_spend(rfm)).all()
    assert (model.expected_spend(rfm) > 0).all()
