from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from guanxi.errors import FitError, GuanxiError
from guanxi.models import GammaGamma
from guanxi.simulation import simulate_bg_nbd

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


@pytest.mark.parametrize(
    "rfm", [_amounts(9.99), _amounts(9.99, 9.99, 9.99)], ids=["one customer", "constant amounts"]
)
def test_constant_amounts_fall_back_to_the_mean(rfm):
    model = GammaGamma().fit(rfm)
    assert "all mean amounts are equal" in model.fit_report_["fallback"]
    newcomer = pd.DataFrame({"frequency": [0], "monetary_value": [0.0]})
    assert model.expected_spend(newcomer)[0] == pytest.approx(9.99)
    assert model.expected_spend(rfm) == pytest.approx(9.99)


@pytest.mark.parametrize(
    "rfm", [_amounts(0.0, 0.0), _amounts(5.0).assign(frequency=0)], ids=["zero", "one-time"]
)
def test_nothing_to_learn_from_is_said(rfm):
    with pytest.raises(
        FitError, match=r"no repeat purchase has an amount above 0: nothing to learn spend from"
    ):
        GammaGamma().fit(rfm)


def test_infinite_population_mean_is_reported():
    wild = simulate_bg_nbd(PURCHASES, n=4000, T=40.0, seed=4, spend_params={"p": 2.0, "q": 0.5, "v": 5.0})
    model = GammaGamma().fit(wild)
    assert model.params_["q"] < 1
    assert "q <= 1" in model.fit_report_["warning"]
    assert np.isfinite(model.expected_spend(wild)).all()


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 300), st.one_of(st.sampled_from([0.0, 1.0, 9.99]), st.floats(0.001, 1e6))),
        min_size=1,
        max_size=15,
    )
)
def test_small_bases_end_in_finite_predictions_or_an_error_of_ours(rows):
    rfm = pd.DataFrame(rows, columns=["frequency", "monetary_value"])
    try:
        model = GammaGamma().fit(rfm)
    except GuanxiError:
        return
    assert np.isfinite(model.expected_spend(rfm)).all()
    assert (model.expected_spend(rfm) > 0).all()
