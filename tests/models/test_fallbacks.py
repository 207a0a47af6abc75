"""Fallbacks and reports of fits to data that do not identify the model."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import DataError, FitError, FitWarning
from guanxi.models import (
    NBD,
    BetaGeoCNBD,
    BetaGeoNBD,
    GammaGompertzNBD,
    ModifiedBetaGeoNBD,
    ParetoNBD,
)
from guanxi.models.purchase_models import TRANSACTION_MODELS, transaction_model
from guanxi.simulation import (
    simulate_bg_cnbd,
    simulate_bg_nbd,
    simulate_mbg_nbd,
    simulate_nbd,
    simulate_pareto_nbd,
)

NO_DROPOUT = {"r": 2.0, "alpha": 20.0}
EVERY = list(TRANSACTION_MODELS)
WITH_DROPOUT = ["bg_nbd", "mbg_nbd", "pareto_nbd"]


@contextmanager
def falls_back(*said):
    """Assert a single warning that contains all the texts."""
    with pytest.warns(FitWarning) as caught:
        yield
    assert len(caught) == 1
    for words in said:
        assert words in str(caught[0].message)


def table(frequency, recency, T):
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


@pytest.fixture(scope="module")
def never_leaving():
    return simulate_nbd(NO_DROPOUT, n=300, T=60.0, seed=3)[["frequency", "recency", "T"]]


@pytest.fixture(scope="module")
def weekly_buyers():
    """Purchases about every 7 days, until some customers stop."""
    generator = np.random.default_rng(2)
    T = generator.uniform(100.0, 300.0, 150)
    stop = generator.geometric(0.05, 150)
    gaps = generator.normal(7.0, 0.5, (150, 60))
    times = gaps.cumsum(axis=1)
    frequency = np.minimum((times <= T[:, None]).sum(axis=1), stop)
    recency = np.where(frequency > 0, times[np.arange(150), np.maximum(frequency, 1) - 1], 0.0)
    return table(frequency.astype(float), recency, T)


@pytest.mark.parametrize("name", ["bg_nbd", "mbg_nbd"])
def test_customers_who_buy_regularly_at_one_rate_are_fitted_with_regular_gaps(name):
    truth = {"k": 4, "r": 1e6, "alpha": 1e6, "a": 0.8, "b": 12.0}
    rfm = simulate_bg_cnbd(truth, n=1000, T=60.0, seed=1)
    regular = name.replace("nbd", "cnbd")
    with falls_back(f"{name}: r is", "customers buy at one rate", f"using {regular} with k = 4 instead"):
        model = transaction_model(name).fit(rfm)
    assert model.process_.name == model.fit_report_["model"] == regular
    assert model.params_["k"] == 4.0
    assert list(model.params_) == ["k", "r", "alpha", "a", "b"]
    assert np.isfinite(model.expected_purchases(rfm[:50], 30.0)).all()


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_weekly_buyers_are_fitted_with_regular_gaps(weekly_buyers, name):
    with falls_back("their gaps are regular", "instead"):
        model = transaction_model(name).fit(weekly_buyers)
    assert model.fit_report_["model"] == ("bg_cnbd" if name == "bg_nbd" else "mbg_cnbd")
    assert model.params_["k"] >= 4
    # Every 7 days until dropout: at most 4 more in 4 weeks, almost none after three missed weeks.
    active = table([10.0, 10.0], [70.0, 70.0], [72.0, 95.0])
    still, missing = model.expected_purchases(active, 28.0)
    assert 2.5 < still < 4.5
    assert missing < 0.5


def test_k_at_the_edge_of_the_search_is_reported(weekly_buyers):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        model = BetaGeoCNBD().fit(weekly_buyers)
    assert model.params_["k"] == 12.0
    assert "k" in model.fit_report_["at_limit"]
    assert any("more regular than with the largest k" in said for said in model.fit_report_["warnings"])


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_nbd_is_the_fallback_without_dropout(never_leaving, name):
    with falls_back(f"{name}: no sign that customers drop out, using nbd instead"):
        model = transaction_model(name).fit(never_leaving)
    nbd = NBD().fit(never_leaving)
    assert model.fit_report_["model"] == "nbd"
    assert model.params_ == pytest.approx(nbd.params_, rel=1e-9)
    assert (model.probability_alive(never_leaving) == 1.0).all()


def test_nbd_is_the_fallback_of_regular_models_too(never_leaving):
    with falls_back("bg_cnbd: no sign that customers drop out, using nbd instead"):
        model = BetaGeoCNBD().fit(never_leaving)
    assert (model.probability_alive(never_leaving) == 1.0).all()


def test_ggom_falls_back_to_pareto_without_a_rising_dropout_rate():
    truth = {"r": 0.5, "alpha": 5.0, "s": 0.8, "beta": 12.0}
    rfm = simulate_pareto_nbd(truth, n=1500, T=60.0, seed=2).round(0)
    pareto = ParetoNBD().fit(rfm)
    said = "ggom_nbd: the dropout rate does not rise with age, using pareto_nbd instead"
    with falls_back(said):
        model = GammaGompertzNBD().fit(rfm)
    assert model.params_ == pytest.approx(pareto.params_)
    assert model.fit_report_["fallback"] == said


def test_reasons_of_all_fallbacks_are_reported(never_leaving):
    with falls_back(
        "ggom_nbd: the dropout rate does not",
        "; pareto_nbd: no sign that customers drop out, using nbd instead",
    ):
        model = GammaGompertzNBD().fit(never_leaving)
    assert model.fit_report_["model"] == "nbd"


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")
def test_few_repeaters_are_reported(name):
    rfm = simulate_bg_nbd({"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5}, n=30, T=40.0, seed=3)
    repeaters = int((rfm["frequency"] > 0).sum())
    assert 5 < repeaters < 30
    model = transaction_model(name).fit(rfm)
    assert f"only {repeaters} customers bought again, fewer than 30" in model.fit_report_["warnings"][0]


def test_weights_count_as_repeaters():
    rfm = simulate_bg_nbd({"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5}, n=30, T=40.0, seed=3)
    model = BetaGeoNBD().fit(rfm, sample_weight=np.full(30, 50.0))
    assert not any("bought again" in said for said in model.fit_report_["warnings"])
    assert model.fit_report_["repeat_customers"] == 50 * (rfm["frequency"] > 0).sum()


@pytest.mark.parametrize(
    ("model", "simulate"), [(BetaGeoNBD, simulate_bg_nbd), (ModifiedBetaGeoNBD, simulate_mbg_nbd)]
)
def test_a_u_shaped_dropout_is_reported(model, simulate):
    truth = {"r": 2.0, "alpha": 4.0, "a": 0.15, "b": 0.3}
    rfm = simulate(truth, n=3000, T=60.0, seed=1)
    fitted = model().fit(rfm)
    assert fitted.params_["a"] + fitted.params_["b"] < 1.0
    said = "a + b < 1: customers drop out almost at once or almost never"
    assert said in fitted.fit_report_["warnings"]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")
def test_one_customer_is_fitted_with_warnings(name):
    rfm = table([5.0], [30.0], [38.0])
    model = transaction_model(name).fit(rfm)
    report = model.fit_report_
    assert report["customers"] == report["repeat_customers"] == 1.0
    assert "only 1 customers bought again" in report["warnings"][0]
    assert len(report["warnings"]) > 1
    assert np.isfinite(model.expected_purchases(rfm, 38.0)).all()
    assert 0.0 <= model.probability_alive(rfm)[0] <= 1.0
    assert model.expected_purchases(rfm, 38.0)[0] < 15.0


@pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")
def test_parameters_not_identified_have_infinite_errors():
    seen = set()
    for rfm in (table([1.0, 1.0], [10.0, 10.0], [20.0, 20.0]), table([5.0], [30.0], [38.0])):
        for name in (*WITH_DROPOUT, "nbd"):
            model = transaction_model(name).fit(rfm)
            identified = model.fit_report_["identified"]
            errors = np.array(list(model.standard_errors_.values()))
            assert (np.isfinite(errors) if identified else np.isinf(errors)).all()
            said = "the data do not identify all parameters: standard errors are infinite"
            assert (said in model.fit_report_["warnings"]) is not identified
            seen.add(identified)
    assert False in seen


@pytest.mark.parametrize("name", WITH_DROPOUT)
@pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")
def test_a_parameter_at_the_edge_of_the_search_is_reported(name):
    """All customers bought at the same rate until the end."""
    T = np.linspace(40.0, 60.0, 60)
    model = transaction_model(name).fit(table(np.round(T / 10.0), T * 0.98, T))
    named = model.fit_report_["at_limit"]
    if named:
        said = [words for words in model.fit_report_["warnings"] if "at the edge of the search" in words]
        assert len(said) == 1
        assert said[0].startswith(", ".join(named))
    assert named or model.fit_report_["fallback"]


@pytest.mark.parametrize("name", EVERY)
def test_no_information_is_an_error(name):
    with pytest.raises(FitError, match="no repeat purchases: nothing to learn"):
        transaction_model(name).fit(table([0.0, 0.0], [0.0, 0.0], [10.0, 20.0]))
    with pytest.raises(FitError, match="T is 0 for every customer"):
        transaction_model(name).fit(table([1.0, 2.0], [0.0, 0.0], [0.0, 0.0]))
    with pytest.raises(FitError, match="no repeat purchases: nothing to learn"):
        transaction_model(name).fit(table([0.0, 2.0], [0.0, 5.0], [10.0, 20.0]), sample_weight=[1, 0])


def test_sound_data_raise_no_warning(cdnow_sample):
    for name in ("bg_nbd", "mbg_nbd", "bg_cnbd", "mbg_cnbd", "pareto_nbd", "nbd"):
        model = transaction_model(name).fit(cdnow_sample)
        assert model.fit_report_["fallback"] is None
        assert model.fit_report_["warnings"] == []


@pytest.mark.filterwarnings("ignore::guanxi.errors.FitWarning")
def test_homogeneous_customers_are_reported_on_large_data_too():
    alike = {"r": 1e7, "alpha": 2e8, "a": 1e6, "b": 9e6}
    T = np.random.default_rng(3).uniform(50.0, 100.0, 60_000)
    rfm = simulate_bg_nbd(alike, n=60_000, T=T, seed=3)
    for rows in (rfm.head(5000), rfm):
        assert "purchase rates" in " ".join(BetaGeoNBD().fit(rows).fit_report_["warnings"])


def test_log_gaps_in_another_unit_are_an_error():
    rfm = simulate_bg_nbd({"r": 0.8, "alpha": 5.0, "a": 0.8, "b": 2.5}, n=300, T=60.0, seed=1)
    other = rfm.assign(recency=rfm["recency"] / 4, T=rfm["T"] / 4)
    with pytest.raises(DataError, match="column 'log_gap_sum' is more than recency allows"):
        BetaGeoCNBD().fit(other)
