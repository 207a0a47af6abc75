"""Judged and data weights together: laws, closed forms against what they minimise, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar

from guanxi.errors import DataError
from guanxi.scorecard.weights._combination import (
    direct,
    least_squares,
    least_squares_share,
    linear,
    multiplicative,
)

NAMES = ["revenue", "csat", "tenure_days", "referrals"]
METHODS = [linear, multiplicative, least_squares]
COMMON = settings(max_examples=50, deadline=None)


def weights(least=0.01):
    points = st.lists(st.floats(least, 1.0), min_size=4, max_size=4)
    return points.map(lambda given: direct(dict(zip(NAMES, given, strict=True))))


def vector(by_name):
    return np.array([by_name[name] for name in NAMES])


@pytest.mark.parametrize("method", METHODS)
class TestLaws:
    @given(one=weights(), other=weights())
    @COMMON
    def test_weights_are_shares_between_the_two_sides(self, method, one, other):
        found = method(one, other)
        assert sum(found.values()) == pytest.approx(1.0)
        assert min(found.values()) >= 0.0
        assert list(found) == NAMES

    @given(one=weights(least=0.0001))
    @COMMON
    def test_equal_weights_come_back(self, method, one):
        assert method(one, one) == pytest.approx(one)

    @given(one=weights(), other=weights(), seed=st.integers(0, 99))
    @COMMON
    def test_order_of_indicators_is_nothing(self, method, one, other, seed):
        shuffled = {name: one[name] for name in np.random.default_rng(seed).permutation(NAMES)}
        assert method(shuffled, other) == pytest.approx(method(one, other))

    @given(one=weights(), other=weights())
    @COMMON
    def test_both_sides_count_alike_unless_told(self, method, one, other):
        assert method(one, other) == pytest.approx(method(other, one))

    def test_what_one_side_leaves_out_weighs_0_there(self, method):
        one, other = {"revenue": 0.5, "csat": 0.5}, {"revenue": 0.6, "tenure_days": 0.4}
        found = method(one, other)
        assert found == pytest.approx(method({**one, "tenure_days": 0.0}, {**other, "csat": 0.0}))


class TestClosedForms:
    @given(one=weights(), other=weights(), share=st.floats(0.1, 0.9))
    @settings(max_examples=10, deadline=None)
    def test_multiplicative_has_the_least_relative_entropy(self, one, other, share):
        def entropy(logits):
            w = np.exp(logits - logits.max())
            w /= w.sum()
            return share * w @ np.log(w / vector(one)) + (1 - share) * w @ np.log(w / vector(other))

        best = minimize(entropy, np.zeros(4)).fun
        found = vector(multiplicative(one, other, share=share))
        assert entropy(np.log(found)) <= best + 1e-7

    @given(one=weights(), other=weights())
    @COMMON
    def test_least_squares_solves_the_equations_of_the_game(self, one, other):
        # Solved as the papers write it: w_i . (a_1 w_1 + a_2 w_2) = w_i . w_i, then a / sum(a);
        # a factor below 0 is 0.
        a, b = vector(one), vector(other)
        sides = np.array([a, b])
        products = sides @ sides.T
        if np.linalg.cond(products) > 1e6:
            return
        factors = np.maximum(np.linalg.solve(products, np.diag(products)), 0.0)
        assert least_squares_share(one, other) == pytest.approx(factors[0] / factors.sum(), abs=1e-6)

    def test_no_side_does_better_alone(self):
        a, b = np.array([0.7, 0.2, 0.1]), np.array([0.3, 0.3, 0.4])
        sides = np.array([a, b])
        products = sides @ sides.T
        first, second = np.linalg.solve(products, np.diag(products))
        for own, fixed, mine, theirs in ((first, second, a, b), (second, first, b, a)):
            best = minimize_scalar(lambda f, m=mine, t=theirs, x=fixed: ((f * m + x * t - m) ** 2).sum())
            assert best.x == pytest.approx(own, abs=1e-6)
        names = ["a", "b", "c"]
        share = least_squares_share(
            dict(zip(names, a.tolist(), strict=True)), dict(zip(names, b.tolist(), strict=True))
        )
        assert share == pytest.approx(first / (first + second))

    def test_equal_points_say_nothing_to_least_squares(self):
        even, uneven = dict.fromkeys(NAMES, 0.25), dict(zip(NAMES, [0.4, 0.3, 0.2, 0.1], strict=True))
        assert least_squares(even, uneven) == pytest.approx(uneven)

    def test_shares_at_the_ends(self):
        one, other = {"revenue": 0.8, "csat": 0.2}, {"revenue": 0.3, "csat": 0.7}
        assert linear(one, other, share=1.0) == pytest.approx(one)
        assert linear(one, other, share=0.0) == pytest.approx(other)
        assert multiplicative(one, other, share=0.999) == pytest.approx(one, abs=1e-3)


class TestBadInput:
    def test_direct_points_become_shares(self):
        assert direct({"revenue": 30, "csat": 10, "referrals": 0}) == {
            "revenue": 0.75,
            "csat": 0.25,
            "referrals": 0.0,
        }

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"revenue": 1.0, "csat": -0.1}, "the weight of csat is -0.1: give a number of 0 or more"),
            ({"revenue": float("nan")}, "the weight of revenue is nan"),
            ({"revenue": float("inf")}, "the weight of revenue is inf"),
            ({"revenue": "much"}, "the weight of revenue is 'much'"),
            ({"revenue": 0, "csat": 0}, "no weight is above 0"),
            ({}, "no weight is above 0"),
        ],
    )
    def test_direct_weights_that_are_none(self, given, message):
        with pytest.raises(DataError, match=message):
            direct(given)

    @pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
    def test_shares_that_are_none(self, share):
        with pytest.raises(DataError, match=r"the share of judged weights is .*: give a number from 0 to 1"):
            linear({"revenue": 1}, {"csat": 1}, share=share)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_one_side_alone_has_no_product(self, share):
        with pytest.raises(DataError, match="use one side alone"):
            multiplicative({"revenue": 1}, {"revenue": 1}, share=share)

    def test_sides_that_veto_each_other(self):
        with pytest.raises(DataError, match="no indicator has weight both by judgement and by data"):
            multiplicative({"revenue": 1}, {"csat": 1})
