"""Tiers and grades: by hand, against brute force, ties, and what they refuse."""

from __future__ import annotations

import json
import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.errors import DataError, ParamsError
from guanxi.scorecard.scoring._tiers import (
    TierCuts,
    TierRule,
    _least_below,
    assign_grades,
    fit_tiers,
    natural_breaks,
)

numbers = st.lists(st.integers(0, 50).map(float), min_size=3, max_size=14)


def within(group):
    return float(np.square(group - np.mean(group)).sum())


class TestByHand:
    def test_percentile(self):
        tiers = fit_tiers(np.arange(10.0), TierRule()).assign(np.arange(10.0))
        assert tiers.tolist() == ["low"] * 5 + ["middle"] * 3 + ["high"] * 2

    def test_equals_stay_together(self):
        tiers = fit_tiers([9.0, 9, 9, 5, 4, 3, 2, 1, 0, 0], TierRule()).assign([9.0, 5, 4])
        assert tiers.tolist() == ["high", "middle", "middle"]

    def test_pareto_is_the_fewest_who_hold_four_fifths(self):
        values = [100.0, 40, 30, 20, 6, 4, 0, -5, math.nan]  # of 200: 160 are reached by the third
        tiers = fit_tiers(values, TierRule("pareto")).assign(values)
        assert tiers.tolist()[:8] == ["high"] * 3 + ["middle"] + ["low"] * 4
        assert tiers.isna().tolist() == [False] * 8 + [True]

    def test_pareto_to_the_last_digit(self):
        values = [0.1] * 10  # .1 eight times is not .8
        assert fit_tiers(values, TierRule("pareto")).high == 0.1
        assert fit_tiers([0.3, 0.5, 0.15, 0.05], TierRule("pareto")).high == 0.3

    def test_one_and_two_scores(self):
        assert fit_tiers([5.0] * 4, TierRule("natural_breaks")).assign([5.0]).tolist() == ["middle"]
        cuts = fit_tiers([5.0, 5.0, 7.0], TierRule("natural_breaks"))
        assert cuts.assign([5.0, 7.0]).tolist() == ["low", "high"]

    def test_cuts_survive_json(self):
        for cuts in (TierCuts("natural_breaks", "score", None, 3.0), TierCuts("pareto", "revenue", 9.5, 3.0)):
            assert TierCuts.from_document(json.loads(json.dumps(cuts.document()))) == cuts

    def test_grades(self):
        assert assign_grades([100.0, 80, 79.99, 0]).tolist() == ["A", "A", "B", "E"]
        own = assign_grades([50.0, 49, math.nan], {"pass": 50.0, "fail": 0.0})
        assert own.tolist()[:2] == ["pass", "fail"]
        assert own.isna()[2]


class TestNaturalBreaks:
    @settings(max_examples=60, deadline=None)
    @given(numbers.filter(lambda given: len(set(given)) > 2))
    def test_no_other_three_classes_are_more_alike(self, given):
        rising = np.sort(given)
        high, middle = natural_breaks(rising)
        own = [rising[rising < middle], rising[(rising >= middle) & (rising < high)], rising[rising >= high]]
        least = min(
            sum(within(part) for part in np.split(rising, cuts))
            for cuts in combinations(range(1, len(rising)), 2)
        )
        assert sum(within(part) for part in own) == pytest.approx(least, abs=1e-9)

    @settings(max_examples=20, deadline=None)
    @given(st.integers(0, 10_000), st.integers(20, 70))
    def test_bisection_finds_the_least_of_all_breaks(self, seed, size):
        rising = np.sort(np.random.default_rng(seed).lognormal(3.0, 1.0, size))
        high, middle = natural_breaks(rising)
        cuts = np.searchsorted(rising, [middle, high])
        least = min(
            sum(within(part) for part in np.split(rising, pair)) for pair in combinations(range(1, size), 2)
        )
        assert sum(within(part) for part in np.split(rising, cuts)) == pytest.approx(least, rel=1e-9)

    def test_the_search_grows_with_size_times_its_logarithm(self):
        """Not with its square, which took 94 s for 5,000 customers and 1,000 draws of the weights."""
        sums = []

        def counted(start, end):
            found = np.square(np.asarray(end, dtype=float) - start)
            sums.append(np.size(found))
            return found

        size = 2000
        np.testing.assert_array_equal(
            _least_below(counted, size),
            [third**2 / 2 if third % 2 == 0 else (third**2 + 1) / 2 for third in range(2, size)],
        )
        assert sum(sums) < 4 * size * np.log2(size)

    def test_many_numbers_in_bins(self):
        rng = np.random.default_rng(5)
        groups = [rng.normal(centre, 2.0, size) for centre, size in ((20, 30_000), (50, 20_000), (80, 5_000))]
        rising = np.sort(np.concatenate(groups))
        high, middle = natural_breaks(rising)
        assert [int((rising >= cut).sum()) for cut in (high, middle)] == [5_000, 25_000]

    def test_far_from_zero(self):
        high, middle = natural_breaks(np.array([1e9 + 1, 1e9 + 2, 1e9 + 11, 1e9 + 12, 1e9 + 30]))
        assert (high, middle) == (1e9 + 30, 1e9 + 11)


class TestRefusals:
    @pytest.mark.parametrize(
        ("rule", "message"),
        [
            (TierRule("thirds"), "tiers: 'thirds' is not known: choose one of percentile"),
            (TierRule(high=0.0), "shares high 0 and middle 0.3 must be above 0"),
            (TierRule(high=0.8), "add up to less than 1"),
        ],
    )
    def test_rules(self, rule, message):
        with pytest.raises(ParamsError, match=message):
            fit_tiers([1.0, 2.0], rule)

    def test_nothing_to_share_out(self):
        with pytest.raises(DataError, match="no customer has a future_value above 0"):
            fit_tiers([0.0, -1.0], TierRule("pareto"))
        with pytest.raises(DataError, match="no customer has a score"):
            fit_tiers([math.nan], TierRule())

    @pytest.mark.parametrize("grades", [{}, {"A": 50.0}, {"A": 40.0, "B": 50.0, "C": 0.0}])
    def test_grades_must_fall_to_0(self, grades):
        with pytest.raises(ParamsError, match="cut points must fall from the best grade to 0"):
            assign_grades([1.0], grades)
