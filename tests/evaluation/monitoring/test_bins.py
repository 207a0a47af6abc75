"""The population stability index: values by hand, properties, and its sampling distribution."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guanxi.evaluation.monitoring._bins import (
    UNSEEN,
    by_chance,
    count_category,
    count_number,
    describe_category,
    describe_number,
    log_ratio,
    population_stability_index,
)

COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(lambda counts: sum(counts) > 0)


class TestIndex:
    def test_by_hand(self):
        # (.1 - .2) ln(.1 / .2) + (.4 - .4) ln 1 + (.5 - .4) ln(.5 / .4)
        expected = 0.1 * math.log(2.0) + 0.1 * math.log(1.25)
        assert population_stability_index([10, 40, 50], [40, 80, 80]) == pytest.approx(expected, abs=1e-12)

    def test_an_empty_bin_counts_as_half_a_customer_of_the_smaller_sample(self):
        # 1 / 200 instead of 0 in the second sample: (.5 - .005) ln(.5 / .005) + (.5 - 1) ln(.5 / 1)
        expected = 0.495 * math.log(100.0) + 0.5 * math.log(2.0)
        assert population_stability_index([500, 500], [0, 100]) == pytest.approx(expected, abs=1e-12)

    @given(COUNTS)
    def test_identical_tables_have_index_zero(self, counts):
        assert population_stability_index(counts, counts) == 0.0

    @given(
        st.integers(2, 12).flatmap(
            lambda k: st.tuples(*[st.lists(st.integers(0, 99), min_size=k, max_size=k)] * 2)
        )
    )
    def test_symmetric_and_non_negative(self, pair):
        one, other = ([*counts[:-1], counts[-1] + 1] for counts in pair)
        index = population_stability_index(one, other)
        assert index >= 0.0
        assert index == pytest.approx(population_stability_index(other, one), abs=1e-12)

    def test_grows_with_the_distance(self):
        moved = [population_stability_index([50, 50], [50 + by, 50 - by]) for by in range(0, 51, 10)]
        assert moved == sorted(moved)
        assert moved[0] == 0.0

    def test_an_empty_bin_in_both_changes_nothing(self):
        one = population_stability_index([10, 20], [100_000, 300_000])
        assert population_stability_index([10, 20, 0], [100_000, 300_000, 0]) == pytest.approx(one, abs=1e-12)


class TestChance:
    @pytest.mark.parametrize(("n", "m"), [(5000, 300), (2000, 2000)])
    def test_mean_and_quantile_are_those_of_samples_of_one_population(self, n, m):
        random = np.random.default_rng(0)
        shares = np.full(11, 1 / 11)
        pairs = [(random.multinomial(n, shares), random.multinomial(m, shares)) for _ in range(3000)]
        drawn = np.array([population_stability_index(*pair) for pair in pairs])
        mean, most = by_chance(*pairs[0], probability=0.05)
        assert drawn.mean() == pytest.approx(mean, rel=0.05)
        assert (drawn > most).mean() == pytest.approx(0.05, abs=0.012)

    def test_one_bin_has_index_zero(self):
        assert by_chance([10, 0], [5, 0], 0.01) == (0.0, 0.0)


class TestBins:
    def test_deciles_hold_a_tenth_each(self):
        found = describe_number(np.arange(1000.0))
        assert found["counts"] == [100] * 10 + [0]
        assert (found["mean"], found["deviation"]) == (499.5, pytest.approx(1000 / 12**0.5, rel=1e-5))

    def test_equal_edges_are_merged_and_values_below_all_have_a_bin(self):
        found = describe_number([0.0] * 60 + [1.0] * 25 + [2.0] * 15)
        assert found["counts"] == [0, 60, 25, 15, 0, 0]
        assert count_number([-1.0, 0.0, 3.0, math.nan, math.inf], found["edges"]) == [1, 1, 0, 0, 2, 1]

    def test_a_column_without_a_value(self):
        found = describe_number([math.nan] * 3)
        assert (found["edges"], found["counts"], found["mean"]) == ([], [0, 3], None)
        assert count_number([1.0, math.nan], found["edges"]) == [1, 1]

    @given(st.lists(st.floats(allow_nan=True, allow_infinity=False, width=32), min_size=1, max_size=50))
    def test_every_value_is_in_one_bin(self, values):
        assert sum(describe_number(values)["counts"]) == len(values)

    def test_categories_others_unseen_and_missing(self):
        values = pd.Series([f"c{i // 3}" for i in range(75)] + ["c0", None], dtype=object)
        found = describe_category(values)
        assert (found["categories"][0], len(found["categories"])) == ("c0", 20)
        assert found["counts"] == [4, *[3] * 19, 15, 0, 1]
        once = describe_category(pd.concat([values, pd.Series(["x", "y"], dtype=object)]))
        assert once["counts"] == [4, *[3] * 19, 15, 2, 1]
        seen = [f"c{i}" for i in range(25)]
        rare = next(name for name in seen if name not in found["categories"])
        new = pd.Series(["c0", rare, "new", None], dtype=object)
        assert count_category(new, found["categories"], seen) == [1, *[0] * 19, 1, 1, 1]

    def test_values_seen_once_predict_the_unseen(self):
        random = np.random.default_rng(0)
        cities = random.dirichlet(np.full(800, 0.3))
        trained, new = (pd.Series(random.choice(800, n, p=cities).astype(str)) for n in (2000, 2000))
        found = describe_category(trained)
        counts = count_category(new, found["categories"], list(trained.unique()))
        assert counts[UNSEEN] == pytest.approx(found["counts"][UNSEEN], rel=0.3)
        index = population_stability_index(found["counts"], counts)
        assert index < by_chance(found["counts"], counts, 0.01)[1]

    def test_means_without_a_ratio(self):
        assert log_ratio(4.0, 2.0) == pytest.approx(math.log(2.0))
        assert [log_ratio(*pair) for pair in [(None, 1.0), (0.0, 1.0), (-1.0, 1.0)]] == [0.0] * 3
