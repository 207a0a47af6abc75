"""Corrections of the value models: the formula, its parts, and its dependence on the horizon."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit

from guanxi.models.boosting import Rows, grow
from guanxi.pipeline.correction import ALONE, BLEND, CORRECTED, TREES_ALONE
from guanxi.served.corrections import Correction, Regression, probability
from guanxi.served.input_checks import InputError
from guanxi.served.model import CorrectionModel, RegressionModel
from guanxi.served.scorer import RFM, Scorer
from guanxi.served.trees._ensemble import Trees

FEATURES = ["first", "second", "third"]
REGRESSION = RegressionModel(("third", "fourth"), (0.3, 1.0), (0.7, 2.0), (0.4, -0.2), -0.6)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    values = np.random.default_rng(0).normal(1.0, 1.5, (500, 4))
    values[::7, 1] = np.nan
    return pd.DataFrame(values, columns=[*FEATURES, "fourth"])


@pytest.fixture(scope="module")
def texts(rows) -> list[str]:
    """Two boosters on the same features."""
    matrix = rows[FEATURES].to_numpy()
    y = (matrix[:, 0] + np.random.default_rng(1).normal(size=500) > 1.0).astype(float)
    settings = {"min_child_samples": 20, "num_leaves": 7, "learning_rate": 0.2}
    return [grow(Rows(matrix, y), "binary", settings, 15, seed).model_to_string() for seed in (0, 1)]


def model(**changed):
    usual = {
        "model": "blend",
        "features": tuple(FEATURES),
        "regression": REGRESSION,
        "weights": (0.5, 0.2, 0.3),
        "window_days": 60,
        "replaced": 0.5,
        "slope": 1.25,
        "level": -0.4,
    }
    return CorrectionModel(**(usual | changed))


class TestProbability:
    @settings(deadline=None)
    @given(arrays(np.float64, 5, elements=st.floats(-700.0, 700.0)))
    def test_is_the_logistic_function(self, log_odds):
        np.testing.assert_allclose(probability(log_odds), expit(log_odds), rtol=1e-12)
        np.testing.assert_allclose(probability(log_odds) + probability(-log_odds), 1.0, rtol=1e-12)

    def test_never_overflows(self):
        assert probability([-np.inf, -1e300, 0.0, 1e300, np.inf]).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


class TestFormula:
    def test_is_the_weighted_sum_of_its_members_added_to_the_base(self, rows, texts):
        base, learnt = (np.random.default_rng(seed).normal(size=500) for seed in (2, 3))
        correction = Correction(model(), texts)
        matrix = rows[FEATURES].to_numpy()
        first, second = (Trees([text]).predict(matrix) for text in texts)
        step = 0.5 * first + 0.2 * second + 0.3 * Regression(REGRESSION).predict(rows) - 0.5 * learnt
        np.testing.assert_allclose(correction.step(rows, learnt), step, rtol=1e-12)
        corrected = correction.apply(base, correction.step(rows, learnt))
        np.testing.assert_allclose(corrected, 1.25 * (base + step) - 0.4, rtol=1e-12)

    def test_members_that_fully_replace_the_base_give_their_own_score(self, rows, texts):
        only = Correction(
            model(weights=(1.0,), regression=None, replaced=1.0, slope=1.0, level=0.0), texts[:1]
        )
        base = np.random.default_rng(4).normal(size=500)
        own = Trees(texts[:1]).predict(rows[FEATURES].to_numpy())
        np.testing.assert_allclose(only.apply(base, only.step(rows, base)), own, rtol=1e-12, atol=1e-12)

    def test_an_empty_correction_adds_nothing(self, rows):
        nothing = Correction(
            model(features=(), regression=None, weights=(), replaced=0.0, slope=1.0, level=0.0), []
        )
        assert not nothing.has_members
        assert nothing.features == []
        base = np.random.default_rng(5).normal(size=500)
        np.testing.assert_array_equal(nothing.apply(base, nothing.step(rows, base)), base)
        assert nothing.contributions(rows).tolist() == [[0.0]] * 500

    @settings(deadline=None, max_examples=20)
    @given(slope=st.floats(0.1, 3.0), level=st.floats(-5.0, 5.0), shift=st.floats(0.01, 5.0))
    def test_a_higher_base_is_a_higher_score(self, slope, level, shift):
        nothing = Correction(
            model(features=(), regression=None, weights=(), replaced=0.0, slope=slope, level=level), []
        )
        base = np.linspace(-5.0, 5.0, 11)
        step = nothing.step(pd.DataFrame(index=range(11)), base)
        raised = nothing.apply(base + shift, step) - nothing.apply(base, step)
        np.testing.assert_allclose(raised, slope * shift, rtol=1e-9, atol=1e-12)


class TestContributions:
    def test_add_up_to_the_members(self, rows, texts):
        correction = Correction(model(), texts)
        assert correction.features == [*FEATURES, "fourth"]
        parts = correction.contributions(rows)
        assert parts.shape == (500, 5)
        learnt = np.random.default_rng(6).normal(size=500)
        members = correction.step(rows, learnt) + 0.5 * learnt
        np.testing.assert_allclose(parts.sum(axis=1), members, rtol=1e-10, atol=1e-12)

    def test_contributions_of_a_shared_feature_are_added(self, rows, texts):
        parts = Correction(model(), texts).contributions(rows)
        first, second = (Trees([text]).contributions(rows[FEATURES].to_numpy()) for text in texts)
        linear = Regression(REGRESSION).contributions(rows)
        expected = 0.5 * first[:, 2] + 0.2 * second[:, 2] + 0.3 * linear[:, 0]
        np.testing.assert_allclose(parts[:, 2], expected, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(parts[:, 3], 0.3 * linear[:, 1], rtol=1e-12, atol=1e-14)

    def test_the_last_contribution_is_constant(self, rows, texts):
        assert np.ptp(Correction(model(), texts).contributions(rows)[:, -1]) < 1e-12


class TestTables:
    def test_order_of_columns_further_ones_and_dtypes_change_nothing(self, rows, texts):
        correction, base = Correction(model(), texts), np.zeros(500)
        others = rows.assign(customer_id="a", first=rows["first"].astype("Float64"))
        expected = correction.step(rows, base)
        np.testing.assert_array_equal(correction.step(others[others.columns[::-1]], base), expected)

    def test_each_row_is_scored_alone(self, rows, texts):
        correction, base = Correction(model(), texts), np.zeros(500)
        some = correction.step(rows.iloc[40:10:-3], base[:10])
        np.testing.assert_array_equal(some, correction.step(rows, base)[40:10:-3])

    def test_a_missing_feature_is_named(self, rows, texts):
        with pytest.raises(KeyError, match="second"):
            Correction(model(), texts).step(rows.drop(columns="second"), np.zeros(500))

    def test_a_weight_without_a_member_is_an_error(self, texts):
        with pytest.raises(ValueError, match="zip"):
            Correction(model(), texts[:1])


@pytest.fixture(scope="module", params=[ALONE, CORRECTED, TREES_ALONE, BLEND])
def contender(request, served) -> Scorer:
    """A scorer with fitted trees, whether or not they are chosen on these data."""
    return served.contender(request.param)


class TestScorer:
    def test_expected_purchases_are_at_least_the_probability_of_buying(self, contender, served):
        """At the trained horizon, a shorter and a much longer one, for every day."""
        for horizon in (1, 7, 60, 61, 400, 3000):
            said = contender.forecast(served.features, horizon)
            assert (said["expected_purchases"] >= 1.0 - said["churn_probability"]).all()
            assert ((said["churn_probability"] >= 0.0) & (said["churn_probability"] <= 1.0)).all()
            for values in said.values():
                assert np.isfinite(values).all()
        table = contender.score(served.features, drivers=0, horizon_days=30, as_of="1998-12-31")
        assert (table["expected_purchases"] >= 1.0 - table["churn_probability"]).all()

    def test_contributions_base_slope_and_level_make_the_log_odds(self, contender, served):
        for horizon in (60, 200):
            scale = contender.churn_scale()
            parts = contender.churn_contributions(served.features, horizon).sum(axis=1)
            shown = contender.corrected("churn", served.features, horizon)
            np.testing.assert_allclose(scale["slope"] * parts + scale["level"], shown, rtol=1e-9, atol=1e-9)

    def test_drivers_are_sums_of_contributions(self, contender, served):
        rows = served.features.head(50)
        contributions, effects = (
            method(rows, 60) for method in (contender.churn_contributions, contender.driver_effects)
        )
        np.testing.assert_allclose(effects.sum(axis=1), contributions.sum(axis=1), rtol=1e-12)
        pd.testing.assert_series_equal(effects["purchase_pattern"], contributions["purchase_pattern"])

    def test_other_horizons_follow_the_value_model_through_the_trained_one(self, contender, served):
        rows = served.features
        for target in ("churn", "purchases", "spend"):
            slope = contender.model.corrections[target].slope
            trained, base = contender.corrected(target, rows, 60), contender.base(target, rows, 60)
            for horizon in (7, 60, 365):
                moved = slope * (contender.base(target, rows, horizon) - base)
                got = contender.corrected(target, rows, horizon)
                np.testing.assert_allclose(got, trained + moved, rtol=1e-9, atol=1e-9)

    def test_longer_horizons_churn_less_and_buy_more(self, contender, served):
        said = [contender.forecast(served.features, horizon) for horizon in (7, 30, 60, 120, 365)]
        for shorter, longer in pairwise(said):
            assert (longer["churn_probability"] <= shorter["churn_probability"] + 1e-12).all()
            assert (longer["expected_purchases"] >= shorter["expected_purchases"] - 1e-12).all()
            ratio = longer["expected_spend"] / shorter["expected_spend"]
            np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)  # prices change, for all alike

    def test_counts_agree_with_the_numbers_shown(self, contender, served):
        rows, most = served.features.iloc[::5], 150
        said, chances = contender.forecast(rows, 60), contender.count_probabilities(rows, 60, most)
        mean = chances @ np.arange(most + 1.0)
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-6)
        if contender.model.corrections["churn"].model == ALONE:
            # The value model averages counts over parameter points, so they differ for a few customers.
            assert np.abs(chances[:, 0] - said["churn_probability"]).max() < 0.01
            assert mean.sum() == pytest.approx(said["expected_purchases"].sum(), rel=0.01)
        else:
            np.testing.assert_allclose(chances[:, 0], said["churn_probability"], rtol=1e-12)
            np.testing.assert_allclose(mean, said["expected_purchases"], rtol=1e-5, atol=1e-15)

    def test_intervals_lie_around_the_mean_of_all_but_the_rarest_buyers(self, contender, served):
        said, ends = contender.forecast(served.features, 60), contender.interval(served.features, 60, 0.9)
        assert (ends["purchases_lower"] <= said["expected_purchases"]).all()
        often = said["expected_purchases"] >= 0.5
        assert often.sum() > 20
        assert (ends["purchases_upper"] >= said["expected_purchases"])[often].all()
        spend = said["expected_purchases"] * said["expected_spend"]
        assert (ends["spend_lower"] <= spend).all()
        assert (ends["spend_upper"] >= spend)[often].all()

    def test_rows_are_scored_alone_and_in_any_order(self, contender, served):
        whole = contender.score(served.features, drivers=2)
        order = np.random.default_rng(0).permutation(len(whole))[:300]
        some = contender.score(served.features.iloc[order], drivers=2)
        pd.testing.assert_frame_equal(some, whole.iloc[order], rtol=1e-12)

    def test_only_the_required_features_are_listed(self, contender, served):
        needed = served.features[contender.features]
        assert set(RFM) <= set(needed.columns)
        few, all_of_them = (contender.score(table.head(20)) for table in (needed, served.features))
        pd.testing.assert_frame_equal(few, all_of_them, check_exact=True)
        learnt = [name for name in needed.columns if name not in RFM]
        if learnt:
            with pytest.raises(InputError, match=f"lacks {learnt[0]}"):
                contender.score(needed.drop(columns=learnt[0]).head(20))


def test_corrected_spend_scales_its_interval(served):
    alone = served.contender(ALONE)
    corrections = alone.model.corrections
    doubled = corrections | {"spend": replace(corrections["spend"], level=float(np.log(2.0)))}
    other = Scorer(replace(alone.model, corrections=doubled), {})
    one, two = (each.interval(served.features, 60, 0.9) for each in (alone, other))
    for end in ("lower", "upper"):
        np.testing.assert_allclose(two[f"spend_{end}"], 2.0 * one[f"spend_{end}"], rtol=1e-12)
        np.testing.assert_array_equal(two[f"purchases_{end}"], one[f"purchases_{end}"])
    clv = [each.score(served.features, drivers=0)["clv"] for each in (alone, other)]
    np.testing.assert_allclose(clv[1], 2.0 * clv[0], rtol=1e-12)
