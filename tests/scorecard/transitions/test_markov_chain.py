"""Markov chains of customers: published values, laws, and recovery of what was simulated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.transitions import (
    TransitionProbabilities,
    fit_transitions,
    forecast_states,
    markov_customer_equity,
)

# Pfeifer & Carraway (2000): recency 1 to 4 and a former customer; NC = 40, M = 4, d = 0.2.
BUYS = (0.3, 0.2, 0.15, 0.05)
PUBLISHED = np.diag([1 - p for p in BUYS], 1)
PUBLISHED[:4, 0], PUBLISHED[4, 4] = BUYS, 1.0
CASH_FLOWS = np.array([36.0, -4.0, -4.0, -4.0, 0.0])


class TestPfeiferCarraway2000:
    def test_value_over_an_infinite_horizon(self):
        found = markov_customer_equity(PUBLISHED, CASH_FLOWS, discount_rate=0.2)
        np.testing.assert_array_equal(found.round(3), [52.320, 5.554, 1.251, -1.820, 0.0])

    def test_value_over_four_periods(self):
        found = markov_customer_equity(PUBLISHED, CASH_FLOWS, discount_rate=0.2, periods=4)
        np.testing.assert_array_equal(found.round(3), [50.115, 4.220, 0.592, -1.980, 0.0])

    def test_ending_the_relationship_at_recency_4_is_better(self):
        """The value at recency 4 is negative: the paper ends remarketing there, which raises all others."""
        matrix, flows = PUBLISHED.copy(), CASH_FLOWS.copy()
        matrix[3], flows[3] = [0, 0, 0, 0, 1], 0.0
        with_end = markov_customer_equity(matrix, flows, discount_rate=0.2)
        on = markov_customer_equity(PUBLISHED, CASH_FLOWS, discount_rate=0.2)
        assert on[3] < 0
        assert (with_end[:4] > on[:4]).all()

    def test_simulated_customers_are_worth_it(self):
        random, state, total = np.random.default_rng(1), np.zeros(40_000, dtype=int), 0.0
        for period in range(60):
            total += CASH_FLOWS[state].mean() / 1.2**period
            later = (random.random(len(state))[:, None] > PUBLISHED[state].cumsum(axis=1)).sum(axis=1)
            state = np.minimum(later, 4)
        assert total == pytest.approx(52.320, abs=0.8)


@pytest.mark.parametrize("retention", [0.0, 0.4, 0.9])
def test_with_one_retention_rate_it_is_the_usual_formula(retention):
    matrix = [[retention, 1 - retention], [0, 1]]
    found = markov_customer_equity(matrix, [100.0, 0.0], discount_rate=0.1)
    assert found[0] == pytest.approx(100 * 1.1 / (1.1 - retention))


def test_many_periods_approach_no_end_and_draws_are_valued_one_by_one():
    random = np.random.default_rng(2)
    matrices, flows = random.dirichlet(np.ones(4), size=(5, 4)), random.normal(size=(5, 4))
    found = markov_customer_equity(matrices, flows, discount_rate=0.1)
    each = [markov_customer_equity(m, f, discount_rate=0.1) for m, f in zip(matrices, flows, strict=True)]
    np.testing.assert_allclose(found, each)
    long = markov_customer_equity(matrices, flows, discount_rate=0.1, periods=400)
    np.testing.assert_allclose(found, long, rtol=1e-9)
    np.testing.assert_allclose(markov_customer_equity(matrices, flows, discount_rate=0.1, periods=0), flows)


@pytest.mark.parametrize(
    ("matrix", "flows", "rate", "periods", "error", "text"),
    [
        ([[0.5, 0.4], [0, 1]], [1, 0], 0.1, None, DataError, "add up to 1"),
        ([[1.2, -0.2], [0, 1]], [1, 0], 0.1, None, DataError, "add up to 1"),
        ([[0.5, 0.5]], [1, 0], 0.1, None, DataError, "square matrix"),
        ([[0.5, 0.5], [0, 1]], [1, 0, 0], 0.1, None, DataError, "one number for each state"),
        ([[0.5, 0.5], [0, 1]], [1, np.nan], 0.1, None, DataError, "one number for each state"),
        ([[0.5, 0.5], [0, 1]], [1, 0], 0.0, None, ParamsError, "above 0"),
        ([[0.5, 0.5], [0, 1]], [1, 0], 0.1, -1, ParamsError, "at least 0"),
    ],
)
def test_what_cannot_be_valued_is_refused(matrix, flows, rate, periods, error, text):
    with pytest.raises(error, match=text):
        markov_customer_equity(matrix, flows, discount_rate=rate, periods=periods)


class TestProbabilities:
    COUNTS = pd.DataFrame([[8, 2, 0], [1, 7, 2], [0, 0, 0]], index=list("abc"), columns=list("abc"))

    def test_intervals_are_those_of_the_beta_distribution(self):
        found = fit_transitions(self.COUNTS)
        lower, upper = found.interval(0.9)
        assert lower[0, 0] == pytest.approx(beta(8 + 1 / 3, 2 + 2 / 3).ppf(0.05))
        assert upper[1, 2] == pytest.approx(beta(2 + 1 / 3, 8 + 2 / 3).ppf(0.95))
        np.testing.assert_allclose(found.mean.sum(axis=1), 1.0)
        np.testing.assert_allclose(found.mean[2], 1 / 3)  # nobody seen there

    def test_draws_have_the_mean_and_the_interval(self):
        found = fit_transitions(self.COUNTS)
        drawn = found.draw(20_000, np.random.default_rng(3))
        np.testing.assert_allclose(drawn.sum(axis=-1), 1.0)
        np.testing.assert_allclose(drawn.mean(axis=0), found.mean, atol=0.01)
        np.testing.assert_allclose(np.quantile(drawn, 0.05, axis=0), found.interval(0.9)[0], atol=0.01)

    def test_intervals_cover_the_truth_as_often_as_they_say(self):
        random, truth, covered = np.random.default_rng(4), np.array([[0.8, 0.2], [0.1, 0.9]]), []
        for _ in range(400):
            counts = np.array([random.multinomial(60, row) for row in truth])
            lower, upper = fit_transitions(pd.DataFrame(counts)).interval(0.9)
            covered.append((lower <= truth) & (truth <= upper))
        assert np.mean(covered) == pytest.approx(0.9, abs=0.03)

    @pytest.mark.parametrize("value", [-1.0, np.nan])
    def test_counts_must_be_counts(self, value):
        with pytest.raises(DataError, match="at least 0"):
            fit_transitions(self.COUNTS.astype(float).replace(8.0, value))
        with pytest.raises(DataError, match="same states"):
            fit_transitions(self.COUNTS[["b", "a", "c"]])


def test_forecasts_keep_all_customers_and_their_mean_follows_the_matrix():
    chain = TransitionProbabilities(("a", "b"), np.array([[70.0, 30.0], [20.0, 80.0]]) * 1e6)
    random = np.random.default_rng(5)
    drawn = chain.draw(2000, random)
    arrivals = np.tile([2, 0], (2000, 3, 1))
    found = forecast_states([100, 50], drawn, periods=3, generator=random, arrivals=arrivals)
    np.testing.assert_array_equal(found.sum(axis=-1), np.tile([152, 154, 156], (2000, 1)))
    expected = np.array([100.0, 50.0])
    for period in range(3):
        expected = expected @ chain.mean + [2, 0]
        np.testing.assert_allclose(found[:, period].mean(axis=0), expected, atol=0.6)
