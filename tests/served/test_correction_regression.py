"""The regression on logarithms: additive contributions, and robustness to unusual features."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from guanxi.served.corrections import Regression, logarithms
from guanxi.served.model import RegressionModel

NAMES = ["frequency", "T", "monetary_value"]
FITTED = RegressionModel(tuple(NAMES), (0.5, 5.0, 2.0), (0.5, 1.0, 1.5), (-1.0, 0.25, 0.0), 2.0)
values = st.one_of(st.floats(-1e6, 1e300), st.just(np.nan))


def test_by_hand():
    rows = pd.DataFrame({"frequency": [0.0, np.e - 1], "T": [np.e**6 - 1, 0.0], "monetary_value": 7.0})
    # 2 - (0 - .5) / .5 + .25 (6 - 5) / 1, and 2 - (1 - .5) / .5 + .25 (0 - 5) / 1
    np.testing.assert_allclose(Regression(FITTED).predict(rows), [3.25, -0.25], rtol=1e-12)


@settings(deadline=None)
@given(table=arrays(np.float64, (4, 3), elements=values))
def test_parts_add_up_and_are_finite(table):
    rows = pd.DataFrame(table, columns=NAMES)
    model = Regression(FITTED)
    parts = model.contributions(rows)
    assert parts.shape == (4, 4)
    assert np.isfinite(parts).all()
    np.testing.assert_allclose(parts.sum(axis=1), model.predict(rows), rtol=1e-12)
    assert (parts[:, -1] == 2.0).all()
    assert (parts[:, 2] == 0.0).all()


@settings(deadline=None)
@given(table=arrays(np.float64, (3, 2), elements=values))
def test_missing_and_negative_values_count_as_zero(table):
    logs = logarithms(pd.DataFrame(table, columns=["a", "b"]), ["a", "b"])
    none = np.isnan(table) | (table <= 0.0)
    assert (logs[none] == 0.0).all()
    assert (logs[~none] >= 0.0).all()


@settings(deadline=None)
@given(lower=st.floats(0.0, 1e9), higher=st.floats(0.0, 1e9))
def test_the_effect_of_a_feature_has_the_sign_of_its_coefficient(lower, higher):
    lower, higher = sorted((lower, higher))
    for name, sign in (("frequency", -1.0), ("T", 1.0), ("monetary_value", 0.0)):
        rows = pd.DataFrame({"frequency": 2.0, "T": 50.0, "monetary_value": 9.0}, index=[0, 1])
        rows[name] = [lower, higher]
        difference = float(np.diff(Regression(FITTED).predict(rows))[0])
        assert sign * difference >= -1e-9
        assert sign != 0.0 or difference == 0.0


def test_values_beyond_the_highest_count_as_that():
    bounded = Regression(dataclasses.replace(FITTED, highest=(2.0, 12.0, 8.0)))
    rows = pd.DataFrame({"frequency": [5.0, 1e50], "T": [60.0, 1e12], "monetary_value": [9.0, 1e50]})
    at_the_end = rows.where(rows < 1e9, np.broadcast_to(np.expm1([2.0, 12.0, 8.0]), rows.shape))
    np.testing.assert_allclose(bounded.predict(rows), Regression(FITTED).predict(at_the_end), rtol=1e-12)
    np.testing.assert_array_equal(bounded.predict(rows[:1]), Regression(FITTED).predict(rows[:1]))


def test_order_of_columns_further_ones_and_dtypes_change_nothing():
    rows = pd.DataFrame({"frequency": [1, 2], "T": [30, 40], "monetary_value": [9.5, 0.0]})
    expected = Regression(FITTED).predict(rows)
    others = rows.assign(customer_id=["a", "b"], frequency=rows["frequency"].astype("Int64"))
    np.testing.assert_array_equal(Regression(FITTED).predict(others[others.columns[::-1]]), expected)


def test_a_missing_feature_is_named():
    with pytest.raises(KeyError, match="monetary_value"):
        Regression(FITTED).predict(pd.DataFrame({"frequency": [1.0], "T": [30.0]}))


def test_no_rows():
    assert Regression(FITTED).predict(pd.DataFrame(columns=NAMES, dtype=float)).shape == (0,)
