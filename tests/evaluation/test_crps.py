"""CRPS of predicted purchases and spend: closed forms, simulation, and laws of a proper score."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ive

from guanxi.evaluation._crps import _customer_crps, _discrete_crps, _Totals
from guanxi.features.snapshots import snapshot
from guanxi.pipeline.correction import ALONE
from guanxi.pipeline.fit import fit_models
from guanxi.served.intervals import posterior_predictive, spend_table
from guanxi.served.intervals.spend_table import SpendTable
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL

GG = {"p": 6.25, "q": 3.74, "v": 15.44}
HORIZON = 60


def poisson_crps(actual, mean):
    """Jordan, Krueger & Lerch (2019), Evaluating Probabilistic Forecasts with scoringRules, appendix A."""
    reached, at = stats.poisson.cdf(actual, mean), stats.poisson.pmf(np.floor(actual), mean)
    return (actual - mean) * (2 * reached - 1) + 2 * mean * at - mean * (ive(0, 2 * mean) + ive(1, 2 * mean))


def log_normal_crps(actual, location, deviation):
    """The same appendix."""
    z = (np.log(actual) - location) / deviation
    part = stats.norm.cdf(z - deviation) + stats.norm.cdf(deviation / np.sqrt(2)) - 1
    return actual * (2 * stats.norm.cdf(z) - 1) - 2 * np.exp(location + deviation**2 / 2) * part


@pytest.fixture(scope="module")
def twin(sample_log, quick_params):
    return fit_models(sample_log, sample_log.last_day - timedelta(days=HORIZON), quick_params)


@pytest.fixture(scope="module")
def outcomes(sample_log):
    return snapshot(sample_log, date(1998, 5, 1), HORIZON)


class TestCounts:
    @settings(max_examples=50, deadline=None)
    @given(mean=st.floats(0.01, 30), actual=st.integers(0, 60))
    def test_poisson(self, mean, actual):
        counts = np.arange(200.0)
        found = _discrete_crps(counts, stats.poisson.pmf(counts, [[mean]]), np.array([float(actual)]))
        assert found[0] == pytest.approx(poisson_crps(actual, mean), abs=1e-9)

    @given(forecast=st.integers(0, 20), actual=st.integers(0, 20))
    def test_one_number_has_the_absolute_error(self, forecast, actual):
        certain = (np.arange(21) == forecast)[None, :].astype(float)
        assert _discrete_crps(np.arange(21.0), certain, np.array([float(actual)]))[0] == abs(
            forecast - actual
        )

    def test_an_outcome_beyond_the_last_count(self):
        found = _discrete_crps(np.array([0.0, 1.0]), np.array([[0.5, 0.5]]), np.array([4.0]))
        assert found[0] == pytest.approx(0.25 + 3)

    def test_values_between_whole_counts(self):
        # E|X - y| - E|X - X'| / 2 by hand.
        found = _discrete_crps(np.array([0.5, 2.5]), np.array([[0.25, 0.75]]), np.array([1.0]))
        assert found[0] == pytest.approx(0.25 * 0.5 + 0.75 * 1.5 - 0.25 * 0.75 * 2.0)

    def test_the_true_distribution_scores_best(self):
        generator, counts = np.random.default_rng(3), np.arange(60.0)
        mean = generator.gamma(1.0, 2.0, 20_000)
        actual = generator.poisson(mean).astype(float)
        scores = [
            _discrete_crps(counts, stats.poisson.pmf(counts, factor * mean[:, None]), actual).mean()
            for factor in (1.0, 0.8, 1.25)
        ]
        assert min(scores) == scores[0]


class TestSpend:
    @pytest.mark.parametrize("actual", [1e-6, 0.02, 0.4, 1.0, 7.0, 300.0])
    @pytest.mark.parametrize("purchases", [1, 3, 20])
    def test_log_normal_total(self, actual, purchases):
        params = {"mean": 22.0, "level": 20.0, "between_variance": 0.5, "within_variance": 0.5}
        location, variance = LOG_NORMAL._log_total(params, np.array([float(purchases)]), 2.0)
        certain = (np.arange(21) == purchases)[None, :].astype(float)
        totals = _Totals(SpendTable(LOG_NORMAL, [params], 2.0, np.arange(1.0, 21.0)))
        expected = log_normal_crps(actual, location[0], np.sqrt(variance[0]))
        assert totals.crps(certain, np.array([actual]))[0] == pytest.approx(expected, rel=1e-4)

    @pytest.mark.parametrize("actual", [0.0, 0.1, 1.3, 9.0, 60.0])
    @pytest.mark.parametrize("mean", [0.1, 2.0, 15.0])
    def test_mixture_against_simulation(self, actual, mean):
        generator = np.random.default_rng(5)
        n = 200_000
        purchases = np.minimum(generator.poisson(mean, n), 72)
        drawn = np.where(
            purchases > 0,
            generator.gamma(np.maximum(GG["p"] * purchases, 1e-9)) / generator.gamma(GG["q"], size=n),
            0.0,
        )
        counts = np.arange(73)
        chances = np.append(stats.poisson.pmf(counts[:-1], mean), stats.poisson.sf(71, mean))[None, :]
        totals = _Totals(SpendTable(GAMMA_GAMMA, [GG], 0.0, np.arange(1.0, 73.0)))
        found = totals.crps(chances, np.array([actual]))[0]
        ordered = np.sort(drawn)
        # E|X - X'| / 2 from order statistics.
        half_difference = ((2 * np.arange(1, n + 1) - n - 1) @ ordered) / n**2
        each = np.abs(drawn - actual)
        error = 4 * each.std() / np.sqrt(n) * 2
        assert found == pytest.approx(each.mean() - half_difference, abs=error)

    @settings(max_examples=20, deadline=None)
    @given(
        actual=st.floats(0, 100),
        chances=st.lists(st.floats(0, 1), min_size=9, max_size=9).filter(lambda each: sum(each) > 0.1),
    )
    def test_against_quadrature_of_the_definition(self, actual, chances):
        share = np.array([chances]) / np.sum(chances)
        counts = np.arange(1.0, 9.0)
        found = _Totals(SpendTable(GAMMA_GAMMA, [GG], 1.0, counts)).crps(share, np.array([actual]))[0]
        ends = np.union1d(np.exp(np.linspace(-9, 9, 9_001)), [0.0, actual])
        shape = GG["q"] + GG["p"]
        middle = (ends[1:] + ends[:-1]) / 2
        reached = share[0, 0] + share[0, 1:] @ stats.betaprime(GG["p"] * counts[:, None], shape).cdf(middle)
        expected = ((reached - (middle > actual)) ** 2) @ np.diff(ends)
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-6)

    def test_it_scales_with_the_currency_and_pays_for_distance(self):
        totals = _Totals(SpendTable(GAMMA_GAMMA, [GG], 0.0, np.arange(1.0, 9.0)))
        nothing = np.eye(9)[:1]
        assert totals.crps(nothing, np.array([0.0]))[0] == 0.0
        assert totals.crps(nothing, np.array([12.5]))[0] == pytest.approx(12.5)
        far = totals.crps(np.full((2, 9), 1 / 9), np.array([1e6, 2e6]))
        assert far[1] - far[0] == pytest.approx(1e6)


class TestCustomers:
    @pytest.mark.slow
    def test_counts_from_the_probabilities_of_the_scorer(self, twin, outcomes):
        rows, happened = twin.features.iloc[:200], outcomes.iloc[:200]
        assert (rows["customer_id"] == happened["customer_id"]).all()
        found = _customer_crps(twin.scorer, rows, HORIZON, happened)["purchases"]
        reached = np.cumsum(twin.scorer.count_probabilities(rows, HORIZON, 60), axis=1)
        passed = happened["purchases"].to_numpy()[:, None] <= np.arange(61)
        np.testing.assert_allclose(found, ((reached - passed) ** 2).sum(axis=1), atol=1e-5)

    def test_order_and_duplicates_change_nothing(self, twin, outcomes):
        order = np.r_[50:0:-1, 0:50]
        whole = _customer_crps(twin.scorer, twin.features, HORIZON, outcomes)
        some = _customer_crps(
            twin.scorer, twin.features.iloc[order], HORIZON, outcomes.iloc[order].reset_index(drop=True)
        )
        for target in ("purchases", "spend"):
            np.testing.assert_allclose(some[target], whole[target][order], rtol=1e-9)

    def test_pieces_of_bounded_size_give_the_same(self, twin, outcomes, monkeypatch):
        whole = _customer_crps(twin.scorer, twin.features, HORIZON, outcomes)
        monkeypatch.setattr("guanxi.evaluation._crps._ENTRIES", 100)
        pieces = _customer_crps(twin.scorer, twin.features, HORIZON, outcomes)
        np.testing.assert_allclose(pieces["spend"], whole["spend"], rtol=1e-12)

    def test_without_a_table_totals_are_taken_at_their_mean(self, twin, outcomes, monkeypatch):
        alone, none = twin.contender(ALONE), outcomes.assign(purchases=0.0, spend=0.0)
        with monkeypatch.context() as patch:
            patch.setattr(spend_table, "_MOST_ENTRIES", 0)
            posterior_predictive._kept_table.cache_clear()
            found = _customer_crps(alone, twin.features, HORIZON, none)
        posterior_predictive._kept_table.cache_clear()
        # For an outcome of 0 the CRPS of the amounts n m is m times that of the counts n.
        amount = alone.forecast(twin.features, HORIZON)["expected_spend"]
        np.testing.assert_allclose(found["spend"], found["purchases"] * amount, rtol=1e-9)
