"""Delphi rounds: Kendall's W against published digits, the verdict, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import friedmanchisquare

from guanxi.errors import ParamsError
from guanxi.scorecard.weights._delphi import Delphi, concordance, parse_rounds

ITEMS = ("margin", "csat", "tenure", "referrals")


def rounds(*tables):
    """Rounds from rows of ratings, one row an expert."""
    document = [
        {f"e{i}": dict(zip(ITEMS, row, strict=True)) for i, row in enumerate(table)} for table in tables
    ]
    return Delphi(parse_rounds(document, ITEMS, "weights.rounds"))


APART = [(9, 1, 5, 3), (1, 9, 5, 3), (5, 3, 9, 1)]
NEARER = [(9, 5, 3, 2), (3, 9, 4, 1), (6, 8, 4, 1)]
TOGETHER = [(9, 6, 4, 2), (9, 7, 4, 2), (8, 6, 5, 2)]


class TestConcordance:
    def test_anxiety_ratings(self):
        # Data and digits of KendallW in the manual of the R package DescTools (data of the R package irr).
        ratings = np.array(
            [
                [3, 3, 3, 4, 5, 5, 2, 3, 5, 2, 2, 6, 1, 5, 2, 2, 1, 2, 4, 3],
                [3, 6, 4, 6, 2, 4, 2, 4, 3, 3, 2, 3, 3, 3, 2, 2, 1, 3, 3, 4],
                [2, 1, 4, 4, 3, 2, 1, 6, 1, 1, 1, 2, 3, 3, 1, 1, 3, 3, 2, 2],
            ]
        )
        assert concordance(ratings).w == pytest.approx(0.5396569, abs=5e-8)

    @settings(max_examples=40, deadline=None)
    @given(arrays(np.int64, st.tuples(st.integers(3, 6), st.integers(3, 6)), elements=st.integers(1, 5)))
    def test_is_friedmans_test(self, ratings):
        assume(any(len(set(row)) > 1 for row in ratings.tolist()))
        found = concordance(ratings)
        expected = friedmanchisquare(*ratings.T)
        assert found.chi_square == pytest.approx(expected.statistic, abs=1e-9)
        assert found.p_value == pytest.approx(expected.pvalue, abs=1e-9)
        assert -1e-12 <= found.w <= 1.0 + 1e-12

    def test_is_one_where_all_rank_alike_and_zero_where_they_cancel_out(self):
        assert concordance(np.array([[1, 2, 3], [4, 7, 9], [1, 5, 6]])).w == pytest.approx(1.0)
        assert concordance(np.array([[1, 2, 3], [3, 2, 1]])).w == 0.0

    def test_is_unknown_where_nobody_tells_items_apart(self):
        assert np.isnan(concordance(np.ones((3, 4))).w)


class TestVerdict:
    def test_converged(self):
        verdict, reason = rounds(APART, TOGETHER).verdict()
        assert verdict == "converged"
        assert reason == "round 2: W = 1.00 (p = 0.029), largest coefficient of variation 0.13 (tenure)"

    def test_open_while_opinions_move(self):
        assert rounds(APART).verdict()[0] == "open"
        assert rounds(APART, NEARER).verdict()[0] == "open"

    def test_stable_once_they_no_longer_move(self):
        verdict, reason = rounds(APART, APART).verdict()
        assert verdict == "stable"
        assert reason.endswith("no change of 0.05 or more since the previous round")
        assert rounds(NEARER, APART, APART).verdict()[0] == "stable"

    def test_agreement_that_may_be_chance_has_not_converged(self):
        # Two experts in the same order: W = 1, p = .11.
        assert rounds(TOGETHER[:2]).verdict()[0] == "open"

    def test_the_same_order_with_far_ratings_has_not_converged(self):
        assert rounds([(9, 8, 7, 6), (9, 3, 2, 1), (90, 30, 20, 10), (8, 6, 4, 2)]).verdict()[0] == "open"

    def test_nobody_ranks(self):
        verdict, reason = rounds([(1, 1, 1, 1), (2, 2, 2, 2)], [(1, 1, 1, 1), (2, 2, 2, 2)]).verdict()
        assert verdict == "stable"
        assert "no expert ranks the items" in reason


class TestTables:
    def test_weights_are_those_of_the_last_round(self):
        found = rounds(APART, TOGETHER)
        assert list(found.weights) == list(ITEMS)
        assert list(found.weights.values()) == pytest.approx([26 / 64, 19 / 64, 13 / 64, 6 / 64])

    def test_agreement_and_spread_of_each_round(self):
        found = rounds(APART, NEARER, TOGETHER)
        agreement = found.agreement()
        assert agreement["round"].tolist() == [1, 2, 3]
        assert agreement["w"].is_monotonic_increasing
        assert (agreement["degrees_of_freedom"] == 3).all()
        spread = found.spread()
        assert len(spread) == 12
        first = spread.iloc[0]
        assert (first["round"], first["item"], first["mean"]) == (1, "margin", 5.0)
        assert first["coefficient_of_variation"] == pytest.approx(4.0 / 5.0)

    def test_an_item_nobody_wants_does_not_vary(self):
        found = rounds([(9, 6, 4, 0), (9, 7, 4, 0), (8, 6, 5, 0)])
        assert found.spread()["coefficient_of_variation"].iloc[-1] == 0.0
        assert found.weights["referrals"] == 0.0

    def test_draws_spread_as_the_panel_disagrees(self):
        near, far = rounds(TOGETHER).draw(500, seed=1), rounds(APART).draw(500, seed=1)
        for draws in (near, far):
            assert draws.shape == (500, 4)
            np.testing.assert_allclose(draws.sum(axis=1), 1.0)
        assert (near.std(axis=0)[:2] < far.std(axis=0)[:2] / 4).all()
        np.testing.assert_array_equal(near, rounds(TOGETHER).draw(500, seed=1))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, r"weights.rounds = \{\}: write a list of rounds"),
        ([{"ann": {"x": 1, "y": 2}}], r"rounds\[1\] = .*: write a map of two experts or more"),
        ([{"ann": 3, "bob": 4}], r"rounds\[1\].ann = 3: write a map of items to ratings"),
        ([{"ann": {"x": 1, "y": 2}, "bob": {"x": 1}}], r"rounds\[1\].bob.y = None: rate every item"),
        (
            [{"ann": {"x": 1, "y": -2}, "bob": {}}],
            r"rounds\[1\].ann.y = -2: rate every item with a number of 0",
        ),
        ([{"ann": {"x": 1, "y": "high"}, "bob": {}}], "y = 'high': rate every item with a number"),
        ([{"ann": {"x": 1, "y": True}, "bob": {}}], "y = True: rate every item with a number"),
        ([{"ann": {"x": 1, "y": float("nan")}, "bob": {}}], "y = nan: rate every item with a number"),
        (
            [{"ann": {"x": 1, "yy": 2}, "bob": {}}],
            r"rounds\[1\].ann: 'yy' is not rated here: did you mean y?",
        ),
        ([{"ann": {"x": 0, "y": 0}, "bob": {}}], r"rounds\[1\].ann rates every item 0"),
    ],
)
def test_refuses_in_one_line(document, message):
    with pytest.raises(ParamsError, match=message) as refused:
        parse_rounds(document, ["x", "y"], "weights.rounds")
    assert "\n" not in str(refused.value)


def test_refuses_a_single_item():
    with pytest.raises(ParamsError, match="x cannot be rated alone"):
        parse_rounds([], ["x"])
