"""Published examples to the printed digits, and agreement with pymcdm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymcdm.methods import TOPSIS
from pymcdm.normalizations import vector_normalization

from guanxi.scorecard.scoring._fuzzy_evaluation import FuzzyEvaluation, compose
from guanxi.scorecard.scoring._scores import score_table


def closeness(matrix, weights, higher):
    """TOPSIS as published, through the door that everybody uses."""
    names = [f"c{place}" for place in range(len(weights))]
    table = pd.DataFrame(np.asarray(matrix, dtype=float), columns=names)
    table.insert(0, "customer_id", np.arange(len(table)))
    card = score_table(
        table,
        dict(zip(names, weights, strict=True)),
        dict.fromkeys(names, "all"),
        dict(zip(names, higher, strict=True)),
        normalisation="vector",
        method="topsis",
    )
    return card.table["score"].to_numpy() / 100


class TestTopsis:
    def test_facility_location(self):
        """Papathanasiou and Ploskas (2018), Multiple Criteria Decision Aid, Springer, chapter 1, pp. 1-30."""
        matrix = [[8, 7, 2, 1], [5, 3, 7, 5], [7, 5, 6, 4], [9, 9, 7, 3], [11, 10, 3, 7], [6, 9, 5, 4]]
        found = closeness(matrix, [0.4, 0.3, 0.1, 0.2], [True] * 4)
        assert found.round(3).tolist() == [0.387, 0.327, 0.391, 0.615, 0.868, 0.493]

    def test_fighter_aircraft(self):
        """Hwang and Yoon (1981), Multiple Attribute Decision Making, Springer, pp. 133-134.

        They print .643, .268, .613, .312 from separations rounded to four digits; with all digits the third
        is .6135.
        """
        matrix = [
            [2.0, 1500, 20000, 5.5, 5, 9],
            [2.5, 2700, 18000, 6.5, 3, 5],
            [1.8, 2000, 21000, 4.5, 7, 7],
            [2.2, 1800, 20000, 5.0, 5, 5],
        ]
        found = closeness(matrix, [0.2, 0.1, 0.1, 0.1, 0.2, 0.3], [True, True, True, False, True, True])
        assert found[[0, 1, 3]].round(3).tolist() == [0.643, 0.268, 0.312]
        assert found[2] == pytest.approx(0.0920 / (0.0580 + 0.0920), abs=0.0005)

    @settings(max_examples=50, deadline=None)
    @given(
        arrays(np.float64, (8, 4), elements=st.floats(0.1, 1000)),
        arrays(np.float64, 4, elements=st.floats(0.05, 1)),
        st.lists(st.booleans(), min_size=4, max_size=4),
    )
    def test_pymcdm_agrees(self, matrix, weights, higher):
        matrix[0] += 0.5 + np.arange(4)  # where all are equal pymcdm divides by 0
        weights = weights / weights.sum()
        theirs = TOPSIS(vector_normalization)(matrix, weights, np.where(higher, 1, -1), validation=False)
        np.testing.assert_allclose(closeness(matrix, weights, higher), theirs, atol=1e-8)


class TestFuzzyEvaluation:
    CLOTHES = ((0.2, 0.5, 0.2, 0.1), (0.7, 0.2, 0.1, 0.0), (0.0, 0.4, 0.5, 0.1), (0.2, 0.3, 0.5, 0.0))

    @pytest.mark.parametrize(
        ("weights", "printed"),
        [([0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.1]), ([0.4, 0.35, 0.15, 0.1], [0.35, 0.4, 0.2, 0.1])],
    )
    def test_clothes(self, weights, printed):
        """Clothes judged by two groups of customers (colour, style, durability, price): M(∧,∨).

        Printed with these digits as example 8.4 in e-com-net.com/article/1276296104417181696.htm; the
        example is that of the Chinese textbooks of the method.
        """
        np.testing.assert_allclose(compose(weights, self.CLOTHES, "and_or"), printed, atol=1e-12)

    def test_clothes_by_weighted_average(self):
        """The same by M(·,⊕), by hand: .24, .33, .39, .04."""
        found = compose([0.1, 0.2, 0.3, 0.4], self.CLOTHES, "weighted_average")
        np.testing.assert_allclose(found, [0.24, 0.33, 0.39, 0.04], atol=1e-12)

    def test_clothes_on_five_sides(self):
        """Clothes by colour, style, price, durability and comfort: M(∧,∨), then brought to a sum of 1.

        Printed with these digits in m.wenku365.com/p-43535473.html (lecture 7, example 1).
        """
        judged = [
            [0.2, 0.5, 0.3, 0],
            [0.1, 0.3, 0.5, 0.1],
            [0, 0.1, 0.6, 0.3],
            [0, 0.4, 0.5, 0.1],
            [0.5, 0.3, 0.2, 0],
        ]
        found = compose([0.1, 0.1, 0.15, 0.3, 0.35], judged, "and_or")
        np.testing.assert_allclose(found, [0.35, 0.30, 0.30, 0.15], atol=1e-12)
        assert (found / found.sum()).round(2).tolist() == [0.32, 0.27, 0.27, 0.14]

    def test_two_levels(self):
        """Staff appraised on four sides with 18 indicators, five grades; each level by weighted average.

        Judgements and weights of Si and Sun (2015), Mathematical Modelling Algorithms and Applications, 2nd
        edition, section 14.2; the result is recomputed, not read from the book.
        """
        sides = [
            ([0.2, 0.3, 0.3, 0.2], [(0.8, 0.15, 0.05, 0, 0), (0.2, 0.6, 0.1, 0.1, 0), (0.5, 0.4, 0.1, 0, 0),
                                    (0.1, 0.3, 0.5, 0.05, 0.05)]),
            ([0.3, 0.2, 0.1, 0.2, 0.2], [(0.3, 0.5, 0.15, 0.05, 0), (0.2, 0.2, 0.4, 0.1, 0.1),
                                         (0.4, 0.4, 0.1, 0.1, 0), (0.1, 0.3, 0.3, 0.2, 0.1),
                                         (0.3, 0.2, 0.2, 0.2, 0.1)]),
            ([0.1, 0.2, 0.3, 0.2, 0.2], [(0.1, 0.3, 0.5, 0.1, 0), (0.2, 0.3, 0.3, 0.1, 0.1),
                                         (0.2, 0.3, 0.35, 0.15, 0), (0.1, 0.3, 0.4, 0.1, 0.1),
                                         (0.1, 0.4, 0.3, 0.1, 0.1)]),
            ([0.3, 0.2, 0.2, 0.3], [(0.3, 0.4, 0.2, 0.1, 0), (0.1, 0.4, 0.3, 0.1, 0.1),
                                    (0.2, 0.3, 0.4, 0.1, 0), (0.4, 0.3, 0.2, 0.1, 0)]),
        ]  # fmt: skip
        first = [compose(weights, judged, "weighted_average") for weights, judged in sides]
        np.testing.assert_allclose(first[0], [0.39, 0.39, 0.17, 0.04, 0.01], atol=1e-12)
        found = compose([0.4, 0.3, 0.2, 0.1], first, "weighted_average")
        np.testing.assert_allclose(found, [0.288, 0.354, 0.2355, 0.0865, 0.036], atol=1e-12)

    @pytest.mark.parametrize(
        ("operator", "by_hand"),
        [
            # Products .02 .05 .02 .01 / .14 .04 .02 0 / 0 .12 .15 .03 / .08 .12 .2 0: their largest.
            ("product_or", [0.14, 0.12, 0.2, 0.03]),
            # The smaller: .1 .1 .1 .1 / .2 .2 .1 0 / 0 .3 .3 .1 / .2 .3 .4 0: their sum.
            ("and_bounded_sum", [0.5, 0.9, 0.9, 0.2]),
        ],
    )
    def test_operators_by_hand(self, operator, by_hand):
        np.testing.assert_allclose(compose([0.1, 0.2, 0.3, 0.4], self.CLOTHES, operator), by_hand, atol=1e-12)

    def test_a_sum_is_bounded_by_one(self):
        assert compose([0.6, 0.4], [[0.9, 0.1], [0.9, 0.1]], "and_bounded_sum").tolist() == [1.0, 0.2]


class TestMemberships:
    def test_triangles(self):
        found = FuzzyEvaluation().memberships([0.0, 0.125, 0.25, 0.625, 0.7, 1.0])
        by_hand = [[0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0.5, 0.5], [0, 1, 0, 0], [0.3, 0.7, 0, 0], [1, 0, 0, 0]]
        np.testing.assert_allclose(found, by_hand, atol=1e-12)

    def test_trapezoids(self):
        # With a plateau of .4, memberships change between .7 and 1.3 halves of the way from fair to good.
        found = FuzzyEvaluation(plateau=0.4).memberships([0.375, 0.42, 0.425, 0.5, 0.55, 0.58])
        np.testing.assert_allclose(found[:, 1], [0, 0, 0, 0.5, 0.5 + 0.2 / 0.6, 1], atol=1e-12)
        np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)

    @settings(max_examples=50, deadline=None)
    @given(st.floats(0, 1), st.floats(0, 0.99))
    def test_they_add_up_to_one(self, value, plateau):
        found = FuzzyEvaluation(plateau=plateau).memberships([value])
        assert found.sum() == pytest.approx(1.0)
        assert found.min() >= 0
