"""Scales of indicators: by hand, laws, and what they refuse."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.scoring._normalisation import Normalisation, ScaleTarget

METHODS = ["quantile", "min_max", "target", "vector"]
TARGETS = {"x": ScaleTarget(5.0)}
values = arrays(np.float64, st.integers(1, 30), elements=st.integers(-5, 20).map(float))


def fit(given, method="quantile", higher=True, target=None):
    table = pd.DataFrame({"x": np.asarray(given, dtype=float)})
    return Normalisation.fit(
        table,
        {"x": higher},
        method,
        {"x": target} if target else TARGETS if higher else {"x": ScaleTarget(-2.0)},
    )


class TestByHand:
    def test_quantile_is_the_mid_rank(self):
        rng = np.random.default_rng(3)
        given = rng.integers(0, 9, 200).astype(float)
        expected = (rankdata(given) - 0.5) / 200
        np.testing.assert_allclose(fit(given).curves["x"].apply(given), expected, atol=1e-12)
        np.testing.assert_allclose(
            fit(given, higher=False).curves["x"].apply(given), 1 - expected, atol=1e-12
        )

    def test_many_values_are_within_a_thousandth(self):
        rng = np.random.default_rng(4)
        given = np.where(rng.random(50_000) < 0.4, 0.0, rng.lognormal(0, 2, 50_000))
        curve = fit(given).curves["x"]
        assert len(curve.knots) <= 1001
        np.testing.assert_allclose(curve.apply(given), (rankdata(given) - 0.5) / 50_000, atol=1e-3)
        assert curve.apply([0.0])[0] == pytest.approx((given == 0).mean() / 2)

    def test_min_max_winsorises(self):
        given = [*range(101), 1e9]
        curve = fit(given, "min_max").curves["x"]
        assert curve.knots == (1.01, 99.99)
        assert curve.apply([0.0, 1.01, 50.5, 99.99, 1e9]).tolist() == pytest.approx([0, 0, 0.5, 1, 1])

    def test_min_max_of_a_rare_event_keeps_its_extremes(self):
        given = [0.0] * 999 + [4.0]
        assert fit(given, "min_max", higher=False).curves["x"].apply([0, 1, 4]).tolist() == [1, 0.75, 0]

    def test_target(self):
        curve = fit([0, 10], "target", target=ScaleTarget(8.0, floor=4.0)).curves["x"]
        assert curve.apply([3, 4, 5, 8, 9]).tolist() == [0, 0, 0.25, 1, 1]
        curve = fit([0, 10], "target", higher=False, target=ScaleTarget(2.0, floor=4.0)).curves["x"]
        assert curve.apply([1, 2, 3, 4, 9]).tolist() == [1, 1, 0.5, 0, 0]

    def test_target_that_all_have_passed(self):
        curve = fit([10, 12], "target", target=ScaleTarget(8.0)).curves["x"]
        assert curve.apply([7.9, 8, 12]).tolist() == [0, 1, 1]

    def test_vector_of_large_numbers(self):
        curve = fit([3e200, 4e200], "vector").curves["x"]
        assert curve.spread == pytest.approx(0.2)

    @pytest.mark.parametrize("method", METHODS[:2])
    @pytest.mark.parametrize("higher", [True, False])
    def test_a_constant_is_in_the_middle(self, method, higher):
        curve = fit([7.0] * 5, method, higher).curves["x"]
        assert curve.constant
        better = 8.0 if higher else 6.0
        assert curve.apply([14.0 - better, 7.0, better, math.nan]).tolist()[:3] == [0, 0.5, 1]
        assert np.isnan(curve.apply([math.nan])).all()

    def test_nobody_has_it(self):
        assert fit([math.nan, math.nan]).curves == {}


class TestLaws:
    @settings(max_examples=60, deadline=None)
    @given(
        values, st.sampled_from(METHODS), st.booleans(), arrays(np.float64, 12, elements=st.floats(-30, 30))
    )
    def test_monotone_within_0_and_1_on_any_table(self, given, method, higher, others):
        found = fit(given, method, higher).curves["x"].apply(np.sort(others))
        assert found.min() >= 0
        assert found.max() <= 1
        assert (np.diff(found if higher else -found) >= 0).all()

    @settings(max_examples=30, deadline=None)
    @given(values, st.sampled_from(METHODS), st.booleans())
    def test_json_keeps_it(self, given, method, higher):
        fitted = fit(given, method, higher)
        assert Normalisation.from_document(json.loads(json.dumps(fitted.document()))) == fitted

    @settings(max_examples=30, deadline=None)
    @given(values, st.sampled_from(METHODS))
    def test_missing_values_change_nothing_and_stay(self, given, method):
        whole, holes = fit(given, method), fit([*given, math.nan], method)
        assert holes == whole
        assert np.isnan(holes.curves["x"].apply([math.nan])).all()


class TestRefusals:
    def test_infinite(self):
        table = pd.DataFrame({"customer_id": ["a", "b"], "x": [1.0, math.inf]})
        with pytest.raises(DataError, match="indicator x is infinite for customer b"):
            Normalisation.fit(table, {"x": True})

    def test_words(self):
        with pytest.raises(DataError, match="indicator x holds values that are not numbers"):
            Normalisation.fit(pd.DataFrame({"x": ["many"]}), {"x": True})

    def test_method(self):
        with pytest.raises(ParamsError, match="'zscore' is not known: choose one of quantile"):
            fit([1.0], "zscore")

    def test_targets(self):
        table = pd.DataFrame({"x": [1.0, 2.0]})
        with pytest.raises(ParamsError, match="no target for x"):
            Normalisation.fit(table, {"x": True}, "target")
        with pytest.raises(ParamsError, match="floor 3 must lie below the target 2, since higher is better"):
            Normalisation.fit(table, {"x": True}, "target", {"x": ScaleTarget(2.0, 3.0)})
        with pytest.raises(ParamsError, match="floor 1 must lie above the target 2, since lower is better"):
            Normalisation.fit(table, {"x": False}, "target", {"x": ScaleTarget(2.0, 1.0)})
        with pytest.raises(ParamsError, match="must be finite"):
            Normalisation.fit(table, {"x": True}, "target", {"x": ScaleTarget(math.inf)})
