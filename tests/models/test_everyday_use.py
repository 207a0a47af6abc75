"""What fingers expect of an estimator: how it is shown, summary, files, indexes, horizons, categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.errors import DataError, OutputError, ParamsError, SourceError
from guanxi.models import BetaGeoBetaBinomial, BetaGeoNBD, ChurnClassifier, GammaGamma, ParetoNBD


@pytest.fixture(scope="module")
def rfm():
    return guanxi.rfm("cdnow-sample", cutoff="1997-09-30")


@pytest.fixture(scope="module")
def model(rfm):
    return BetaGeoNBD().fit(rfm)


def test_what_is_shown_tells_fitted_from_not(model):
    assert repr(BetaGeoNBD(penalty=1.0)) == "BetaGeoNBD(penalty=1.0), not fitted"
    assert repr(model) == ("BetaGeoNBD(), fitted to 2,357 customers: r=0.2426, alpha=30.9, a=0.7929, b=2.426")


def test_summary_has_the_estimates_and_intervals_within_what_is_possible(model):
    shown = model.summary(level=0.9)
    assert dict(shown["estimate"]) == model.params_
    assert dict(shown["standard_error"]) == model.standard_errors_
    assert (shown["lower"] > 0).all()
    logs = np.log(shown[["lower", "estimate", "upper"]].to_numpy())
    errors = np.sqrt(np.diag(model.log_covariance_))
    np.testing.assert_allclose(np.diff(logs), np.outer(errors, [1.6448536, 1.6448536]))
    with pytest.raises(ParamsError, match="give a probability between 0 and 1"):
        model.summary(level=95)


def test_saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.json")
    again = BetaGeoNBD.load(tmp_path / "model.json")
    assert again.params_ == model.params_
    assert repr(again) == repr(model)
    with pytest.raises(ParamsError, match="is of a BetaGeoNBD"):
        ParetoNBD.load(tmp_path / "model.json")
    with pytest.raises(SourceError, match="cannot read"):
        BetaGeoNBD.load(tmp_path / "none.json")
    with pytest.raises(OutputError, match="cannot write"):
        model.save(tmp_path / "no" / "folder.json")


def test_results_are_indexed_by_customer_where_the_table_is(rfm, model):
    spend, indexed = GammaGamma().fit(rfm), rfm.set_index("customer_id")
    for predict in (
        lambda table: model.expected_purchases(table, 90.0),
        model.probability_alive,
        lambda table: model.next_purchase_quantile(table, 0.5),
        spend.expected_spend,
        lambda table: guanxi.customer_lifetime_value(model, spend, table, 365.0),
    ):
        named, plain = predict(indexed), predict(rfm)
        assert isinstance(plain, np.ndarray)
        assert named.index.equals(indexed.index)
        np.testing.assert_array_equal(named, plain)


def test_several_horizons_are_columns(rfm, model):
    days = [30.0, 90.0]
    table = model.expected_purchases(rfm.set_index("customer_id"), days)
    assert list(table.columns) == days
    for horizons in (days, np.array(days), pd.Series(days)):
        np.testing.assert_array_equal(model.expected_purchases(rfm, horizons), table.to_numpy())
    np.testing.assert_array_equal(table[90.0], model.expected_purchases(rfm, 90.0))
    assert model.probability_no_purchase(rfm, days).shape == (len(rfm), 2)
    assert model.purchase_probability(rfm, 1, days).shape == (len(rfm), 2)
    whole = pd.DataFrame({"frequency": [1.0, 0.0, 2.0], "recency": [3.0, 0.0, 4.0], "T": [5.0, 5.0, 5.0]})
    assert BetaGeoBetaBinomial().fit(whole).expected_purchases(whole, [1, 5]).shape == (3, 2)
    with pytest.raises(DataError, match="horizon is empty"):
        model.expected_purchases(rfm, [])
    with pytest.raises(DataError, match="horizon is 'soon'"):
        model.expected_purchases(rfm, ["soon"])


def test_rfm_of_any_columns(rfm):
    log = guanxi.datasets.load_cdnow_sample()
    named = {"customer_id": "Kunde", "timestamp": "Tag", "amount": "Menge*Preis"}
    orders = pd.DataFrame(
        {"Kunde": log["customer_id"], "Tag": log["timestamp"], "Menge": 2, "Preis": log["amount"] / 2}
    )
    found = guanxi.rfm(orders, cutoff="1997-09-30", **named)
    pd.testing.assert_frame_equal(found, rfm)


def test_the_calibration_and_holdout_table_of_the_page(rfm):
    """As docs/coming-from-lifetimes.md computes it, against the days themselves."""
    log = guanxi.datasets.load_cdnow_sample()
    later = guanxi.rfm(log, cutoff="1998-06-30")
    both = rfm.merge(later, on="customer_id", suffixes=("_cal", ""))
    counted = (both["frequency"] - both["frequency_cal"]).set_axis(both["customer_id"])
    past = log[pd.to_datetime(log["timestamp"]) > "1997-09-30"]
    days = past.groupby("customer_id")["timestamp"].nunique()
    assert counted.eq(days.reindex(counted.index, fill_value=0)).all()


@pytest.fixture(scope="module")
def customers():
    random = np.random.default_rng(0)
    plans = pd.Categorical(random.choice(["basic", "gold", "trial"], 2000))
    table = pd.DataFrame({"plan": plans, "age": random.normal(size=2000)})
    return table, (table["plan"] == "gold") & (random.random(2000) < 0.8)


@pytest.fixture(scope="module")
def classifier(customers):
    return ChurnClassifier(n_estimators=50, min_child_samples=20, n_seeds=1).fit(*customers)


def test_churn_classifier_takes_columns_of_categories(classifier, customers):
    table, _ = customers
    churn = pd.Series(classifier.predict_proba(table)[:, 1]).groupby(np.asarray(table["plan"])).mean()
    assert churn["gold"] > 0.6 > 0.2 > churn.drop("gold").max()


def test_codes_are_those_of_the_fit_and_new_categories_are_missing(classifier):
    ages = {"age": [0.0, 0.0]}
    other_order = pd.DataFrame({"plan": pd.Categorical(["gold", "new"], ["new", "gold"]), **ages})
    as_text = pd.DataFrame({"plan": ["gold", None], **ages})
    np.testing.assert_array_equal(classifier.predict_proba(other_order), classifier.predict_proba(as_text))


def test_importances_are_shares_of_the_gain(classifier):
    assert classifier.feature_importances_.sum() == pytest.approx(1.0)
    assert classifier.feature_importances_[0] > 0.8
