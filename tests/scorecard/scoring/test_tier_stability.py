"""Tiers under drawn weights: known answers, laws, samples and blocks, rank agreement."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from guanxi.errors import DataError
from guanxi.scorecard.scoring import _tier_stability as stability
from guanxi.scorecard.scoring._normalisation import Normalisation
from guanxi.scorecard.scoring._scores import SCORING_METHODS, score_table
from guanxi.scorecard.scoring._scoring_methods import Topsis, WeightedSum
from guanxi.scorecard.scoring._tier_stability import rank_agreement, tier_stability
from guanxi.scorecard.weights._uncertainty import draw_weights

EVEN = {"a": 0.25, "b": 0.25, "c": 0.25, "d": 0.25}


def by_quantiles(scores):
    middle, high = np.quantile(scores, [0.5, 0.8])
    return (scores >= middle).astype(np.int8) + (scores >= high)


def customers(n, *, unknown=0.0, seed=1):
    generator = np.random.default_rng(seed)
    table = pd.DataFrame(generator.random((n, 4)), columns=list(EVEN))
    return table.mask(generator.random((n, 4)) < unknown)


def one_by_one(table, weights, drawn, method=SCORING_METHODS["weighted_sum"]):
    """What the definition says, a draw at a time and with all customers."""
    tiers = by_quantiles(method.score(table, weights))
    again = [
        by_quantiles(method.score(table, dict(zip(weights, draw.tolist(), strict=True)))) for draw in drawn
    ]
    return tiers, (np.array(again) == tiers).mean(axis=0)


class TestDraws:
    def test_means_and_deviations_are_as_told(self):
        weights = {"a": 0.7, "b": 0.2, "none": 0.0, "c": 0.1}
        drawn = draw_weights(weights, seed=3, draws=20_000, concentration=99)
        w = np.array(list(weights.values()))
        np.testing.assert_allclose(drawn.mean(axis=0), w, atol=4 * 0.05 / np.sqrt(20_000))
        np.testing.assert_allclose(drawn.std(axis=0), np.sqrt(w * (1 - w) / 100), rtol=0.03)
        np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
        assert not drawn[:, 2].any()

    def test_one_weight_does_not_vary(self):
        assert draw_weights({"a": 3.0}, seed=1, draws=3).tolist() == [[1.0]] * 3

    @pytest.mark.parametrize("bad", [{"concentration": 0.0}, {"draws": 0}, {"concentration": float("nan")}])
    def test_bad_numbers_are_refused(self, bad):
        with pytest.raises(DataError, match="give numbers above 0"):
            draw_weights(EVEN, seed=1, **bad)


class TestScores:
    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=30, deadline=None)
    def test_what_is_known_is_weighed_anew(self, seed):
        table = customers(6, unknown=0.4, seed=seed)
        weights = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
        for found, (_, row) in zip(WeightedSum().score(table, weights), table.iterrows(), strict=True):
            known = row.dropna()
            if known.empty:
                assert np.isnan(found)
            else:
                assert found == pytest.approx(
                    100 * np.average(known, weights=[weights[n] for n in known.index])
                )

    @pytest.mark.parametrize(
        ("method", "normalisation"),
        [("weighted_sum", "quantile"), ("topsis", "quantile"), ("topsis", "vector"), ("fuzzy", "quantile")],
    )
    def test_are_the_scorecards_by_every_method(self, method, normalisation):
        table = customers(300, unknown=0.3).assign(a=lambda known: 50 * known["a"])
        weights = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
        better = dict.fromkeys(EVEN, True) | {"c": False}
        scale = Normalisation.fit(table, better, normalisation)
        card = score_table(
            table.assign(customer_id=range(300)),
            weights,
            dict.fromkeys(EVEN, "all"),
            better,
            normalisation=scale,
            method=method,
        )
        normalised = pd.DataFrame({name: scale.curves[name].apply(table[name]) for name in EVEN})
        found = SCORING_METHODS[method].on(scale).score(normalised, weights)
        np.testing.assert_allclose(found, card.table["score"], rtol=0, atol=1e-9)  # it has nine decimals

    def test_weight_without_column_is_refused(self):
        with pytest.raises(DataError, match="no column for the weight of csat"):
            WeightedSum().score(customers(3), {"a": 0.5, "csat": 0.5})


class TestStability:
    @pytest.mark.parametrize("unknown", [0.0, 0.3])
    def test_is_what_the_definition_says(self, unknown):
        table = customers(500, unknown=unknown).dropna(how="all")
        drawn = draw_weights(EVEN, seed=2, draws=200, concentration=30)
        found = tier_stability(table, EVEN, by_quantiles, drawn)
        tiers, kept = one_by_one(table, EVEN, drawn)
        assert found.tiers.tolist() == tiers.tolist()
        # In single precision a customer between two others may change places with one of them.
        np.testing.assert_allclose(found.kept, kept, atol=0.0101)
        assert np.abs(found.kept - kept).mean() < 1e-3

    @pytest.mark.parametrize("method", ["topsis", "fuzzy"])
    def test_is_what_the_definition_says_by_other_methods(self, method):
        table = customers(500, unknown=0.2).dropna(how="all")
        scale = Normalisation.fit(table, dict.fromkeys(EVEN, True), "min_max")
        chosen = SCORING_METHODS[method].on(scale)
        drawn = draw_weights(EVEN, seed=2, draws=200, concentration=30)
        found = tier_stability(table, EVEN, by_quantiles, drawn, method=chosen)
        tiers, kept = one_by_one(table, EVEN, drawn, chosen)
        assert found.tiers.tolist() == tiers.tolist()
        np.testing.assert_allclose(found.kept, kept, atol=0.0101)
        other = tier_stability(table, EVEN, by_quantiles, drawn)
        assert np.abs(found.kept - other.kept).max() > 0.05

    def test_a_score_of_known_spread(self):
        # Scores 100 (w x + (1 - w) (1 - x)): a customer x is above the fixed cut 50 where w > .5, if x > .5.
        table = pd.DataFrame({"a": [0.9, 0.1], "b": [0.1, 0.9]})
        weights = {"a": 0.55, "b": 0.45}
        drawn = draw_weights(weights, seed=5, draws=4_000, concentration=99)
        found = tier_stability(table, weights, lambda s: s > 50, drawn)
        expected = norm.cdf(0.05 / np.sqrt(0.55 * 0.45 / 100))
        np.testing.assert_allclose(found.kept, expected, atol=0.02)

    @pytest.mark.parametrize("method", ["weighted_sum", "topsis", "fuzzy"])
    def test_equals_stay_equal(self, method):
        """A matrix product gives equal rows other last bits at the end of a block."""
        names = list("abcdef")
        table = pd.DataFrame([np.linspace(0.1, 0.7, 6)] * 2_885, columns=names)
        table.iloc[::3, 2] = 0.55
        scale = Normalisation.fit(table.assign(a=[0.0, 1.0] * 1_442 + [0.5]), dict.fromkeys(names, True))
        weights = dict(zip(names, [0.3, 0.1, 0.25, 0.15, 0.13, 0.07], strict=True))
        chosen = SCORING_METHODS[method].on(scale)
        assert len(set(chosen.score(table, weights))) == 2
        drawn = draw_weights(weights, seed=1, draws=20)
        found = tier_stability(table, weights, lambda s: s >= np.quantile(s, 0.9), drawn, method=chosen)
        assert pd.Series(found.tiers).groupby(table["c"]).nunique().tolist() == [1, 1]

    def test_small_weights_count_where_nothing_else_is_known(self):
        table = pd.DataFrame({"a": [0.9, 0.1], "b": [np.nan, 0.5]})
        topsis = Topsis().on(Normalisation.fit(table, {"a": True, "b": True}))
        found = topsis.score_sets(table, np.array([[1e-30], [1.0]], dtype=np.float32))
        assert found[0, 0] == pytest.approx(90)
        assert found.dtype == np.float32

    def test_sure_weights_keep_every_tier(self):
        table = customers(300, unknown=0.2)
        found = tier_stability(table, EVEN, by_quantiles, np.tile(list(EVEN.values()), (5, 1)))
        scored = ~np.isnan(WeightedSum().score(table, EVEN))
        assert (found.kept[scored] == 1.0).all()

    def test_surer_weights_keep_more(self):
        table = customers(1_000)
        kept = [
            tier_stability(table, EVEN, by_quantiles, draw_weights(EVEN, seed=1, concentration=c)).kept.mean()
            for c in (20, 200, 2_000)
        ]
        assert kept[0] < kept[1] - 0.03 < kept[2] - 0.06

    def test_order_of_customers_is_nothing(self):
        table, drawn = customers(400, unknown=0.1), draw_weights(EVEN, seed=1, draws=50)
        order = np.random.default_rng(1).permutation(400)
        whole = tier_stability(table, EVEN, by_quantiles, drawn)
        shuffled = tier_stability(table.iloc[order], EVEN, by_quantiles, drawn)
        np.testing.assert_allclose(shuffled.kept, whole.kept[order])

    def test_a_sample_finds_nearly_the_same_cut_points(self, monkeypatch):
        table, drawn = customers(20_000, unknown=0.1), draw_weights(EVEN, seed=1, draws=100)
        whole = tier_stability(table, EVEN, by_quantiles, drawn)
        monkeypatch.setattr(stability, "_CELLS", 30_000)
        sampled = tier_stability(table, EVEN, by_quantiles, drawn, sample=5_000)
        known = ~np.isnan(whole.kept)
        assert np.abs(sampled.kept - whole.kept)[known].mean() < 0.005
        assert sampled.summary()["kept"].tolist() == pytest.approx(
            whole.summary()["kept"].tolist(), abs=0.003
        )

    def test_names_serve_as_well_as_codes(self):
        table, drawn = customers(200), draw_weights(EVEN, seed=1, draws=50)
        words = np.array(["low", "middle", "high"])
        found = tier_stability(table, EVEN, lambda s: pd.array(words[by_quantiles(s)], dtype="str"), drawn)
        codes = tier_stability(table, EVEN, by_quantiles, drawn)
        assert found.tiers.tolist() == words[codes.tiers.astype(int)].tolist()
        assert found.kept.tolist() == codes.kept.tolist()

    def test_customers_of_whom_nothing_is_known_have_no_tier(self):
        table = customers(50)
        table.iloc[7] = np.nan
        found = tier_stability(table, EVEN, by_quantiles, draw_weights(EVEN, seed=1, draws=20))
        assert found.tiers[7] is None
        assert np.isnan(found.kept[7])
        summary = found.summary().set_index("tier")
        assert summary.loc["all", "customers"] == 49
        assert summary["customers"].sum() == 98
        assert summary.loc["all", "kept"] == pytest.approx(np.nanmean(found.kept))

    def test_a_draw_that_takes_all_weight_keeps_nobody_unknown(self):
        table = pd.DataFrame({"a": [0.1, 0.9, 0.5], "b": [0.2, 0.8, np.nan]})
        found = tier_stability(table, {"a": 0.5, "b": 0.5}, lambda s: s > s.mean(), [[0.0, 1.0], [0.5, 0.5]])
        assert found.kept[2] == 0.5

    def test_bad_input_is_refused(self):
        table, drawn = customers(10), draw_weights(EVEN, seed=1, draws=5)
        with pytest.raises(DataError, match=r"the drawn weights have shape \(5, 3\): give rows of 4 weights"):
            tier_stability(table, EVEN, by_quantiles, drawn[:, :3])
        with pytest.raises(DataError, match="no customer has a known indicator"):
            tier_stability(table * np.nan, EVEN, by_quantiles, drawn)
        with pytest.raises(DataError, match="tiers do not follow the scores"):
            tier_stability(table, EVEN, lambda s: np.arange(len(s)) % 2, drawn)


class TestRankAgreement:
    def test_ties_by_hand(self):
        # Six pairs: 4 in the same order, none reversed, 1 tied in each: 4 / sqrt(5 * 5).
        found = rank_agreement({"one": pd.Series([1, 1, 2, 3]), "two": pd.Series([1, 2, 3, 3])})
        assert found["tau"].item() == pytest.approx(0.8)

    def test_customers_are_matched_and_the_others_left_out(self):
        one = pd.Series({"x": 1.0, "y": 2.0, "z": 3.0, "gone": 9.0})
        two = pd.Series({"z": 30.0, "y": 20.0, "x": 10.0, "new": 1.0})
        three = pd.Series({"x": 3.0, "y": 2.0, "z": np.nan})
        found = rank_agreement({"one": one, "two": two, "three": three})
        assert found["customers"].tolist() == [3, 2, 2]
        assert found["tau"].tolist() == pytest.approx([1.0, -1.0, -1.0])

    def test_nothing_to_compare_is_no_number(self):
        found = rank_agreement({"one": pd.Series({"x": 1.0}), "two": pd.Series({"y": 1.0})})
        assert found["customers"].item() == 0
        assert np.isnan(found["tau"].item())
