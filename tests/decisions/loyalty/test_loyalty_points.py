"""Points of a loyalty programme: IFRS 15 examples, lots first in first out, breakage."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.decisions.loyalty import (
    allocated_to_points,
    break_even_uplift,
    estimate_breakage,
    point_lots,
    recognised_revenue,
)
from guanxi.errors import DataError

AS_OF = date(2026, 1, 1)


class TestDeferredRevenue:
    """KPMG, Revenue: IFRS 15 handbook, examples 10A and 10B, and IFRS 15 illustrative example 52."""

    def test_kpmg_10a(self):
        # The price of the points is 10,000 x 1 x 97 % = 9,700, and 9,700 / 109,700 = 8.8 %, rounded to 9 %.
        allocated = allocated_to_points(100_000, 10_000, 0.97, 1.0, decimals=2)
        assert allocated == 9_000
        # Year 2: 9,000 x 4,500 / 9,700. Year 3: 9,000 x 8,500 / 9,900 - 4,175.
        found = recognised_revenue(allocated, [4_500, 4_000], [9_700, 9_900])
        assert found["revenue"].round().tolist() == [4_175, 3_552]

    def test_kpmg_10b(self):
        # Fewer are expected in year 3: 9,000 x 8,500 / 9,200 - 4,175.
        found = recognised_revenue(9_000, [4_500, 4_000], [9_700, 9_200])
        assert found["revenue"].round().tolist() == [4_175, 4_140]

    def test_ifrs_15_example_52(self):
        # The price of the points is 10,000 x .95 = 9,500, not rounded: 100,000 x 9,500 / 109,500.
        allocated = allocated_to_points(100_000, 10_000, 0.95, 1.0)
        assert round(allocated) == 8_676
        found = recognised_revenue(allocated, [4_500, 4_000], [9_500, 9_700])
        assert found["revenue"].round().tolist() == [4_110, 3_493]

    @given(st.lists(st.floats(0, 1000), min_size=1, max_size=8), st.floats(1, 1e6), st.floats(0, 5000))
    def test_all_is_recognised_in_the_end(self, redeemed, allocated, more):
        total = sum(redeemed) + 1.0
        expected = [total + more] * (len(redeemed) - 1) + [total]
        found = recognised_revenue(allocated, [*redeemed[:-1], redeemed[-1] + 1.0], expected)
        assert found["revenue"].sum() == pytest.approx(allocated)
        assert found["deferred"].iloc[-1] == pytest.approx(0, abs=1e-6 * allocated)

    def test_errors(self):
        with pytest.raises(DataError, match="period 2: 5 points are expected"):
            recognised_revenue(10, [4, 4], [9, 5])
        with pytest.raises(DataError, match="from 0 to 1"):
            allocated_to_points(10, 10, 1.2, 1.0)


@given(st.floats(0.05, 1), st.floats(0, 0.9))
def test_at_the_break_even_both_earn_the_same(margin, part):
    reward = margin * part
    assert (1 + break_even_uplift(margin, reward)) * (margin - reward) == pytest.approx(margin)


def test_no_uplift_pays_for_the_whole_margin():
    assert break_even_uplift(0.2, 0.2) == float("inf")
    with pytest.raises(DataError, match="above 0"):
        break_even_uplift(0, 0.1)


def rows(*given):
    return pd.DataFrame(given, columns=["customer_id", "date", "earned", "redeemed", "expired"])


class TestLots:
    def test_first_earned_is_first_redeemed(self):
        lots = point_lots(
            rows(
                ("b", "2025-01-01", 10, 0, 0),
                ("b", "2025-02-01", 20, 0, 0),
                ("b", "2025-03-01", 0, 15, 0),
                ("b", "2025-04-01", 0, 0, 5),
                ("a", "2025-05-01", 7, 0, None),
            ),
            AS_OF,
        )
        found = lots[["customer_id", "points", "fate", "age"]].to_numpy().tolist()
        assert found == [
            ["a", 7, 0, 245],
            ["b", 10, 1, 59],
            ["b", 5, 1, 28],
            ["b", 5, 2, 59],
            ["b", 10, 0, 334],
        ]

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32))
    @pytest.mark.slow
    def test_nothing_is_lost(self, seed):
        table = simulated(seed, customers=12)
        lots = point_lots(table, AS_OF)
        assert lots["points"].sum() == pytest.approx(table["earned"].sum())
        by_fate = lots.groupby("fate")["points"].sum().reindex(range(3), fill_value=0.0)
        assert by_fate[1] == pytest.approx(table["redeemed"].sum())
        assert by_fate[2] == pytest.approx(table["expired"].sum())
        assert (lots["age"] >= 0).all()
        shuffled = table.sample(frac=1, random_state=1)
        pd.testing.assert_frame_equal(point_lots(shuffled, AS_OF), lots)

    def test_later_rows_are_not_used(self):
        table = rows(("a", "2025-01-01", 5, 0, 0), ("a", "2026-02-01", 9, 0, 0))
        assert point_lots(table, AS_OF)["points"].tolist() == [5]

    def test_errors(self):
        with pytest.raises(DataError, match="customer 'a' has -1 points after 2025-02-01"):
            point_lots(rows(("a", "2025-01-01", 5, 0, 0), ("a", "2025-02-01", 0, 6, 0)), AS_OF)
        with pytest.raises(DataError, match="no points were earned by 2026-01-01"):
            point_lots(rows(("a", "2026-02-01", 5, 0, 0)), AS_OF)


def simulated(seed: int, customers: int = 300) -> pd.DataFrame:
    """Points of customers who redeem a lot with their own probability, else it expires after 360 days.

    Half of the points are redeemed on average. A customer's lots do not overlap, so that the order of
    redemption is no matter.
    """
    random = np.random.default_rng(seed)
    found = []
    for customer in range(customers):
        prone, day = random.beta(2, 2), int(random.integers(0, 900))
        while day < 1400:
            points = int(random.integers(1, 20))
            redeems = random.random() < prone
            gone = day + (int(random.integers(1, 360)) if redeems else 360)
            found.append((customer, day, points, 0, 0))
            found.append((customer, gone, 0, points * redeems, points * (not redeems)))
            day += int(random.integers(361, 560))  # whatever became of the lot before
    table = rows(*found)
    start = pd.Timestamp("2022-03-03")
    table["date"] = start + pd.to_timedelta(table["date"], unit="D")
    return table[table["date"] <= pd.Timestamp(AS_OF)]


class TestBreakage:
    def test_recovers_the_share_redeemed(self):
        found = estimate_breakage(point_lots(simulated(1, customers=3_000), AS_OF))
        assert found.redeemed == pytest.approx(0.5, abs=0.03)
        assert found.lower < 0.5 < found.upper
        assert found.undecided == 0
        assert found.by_age["open"].iloc[-1] == 0

    def test_intervals_cover(self):
        hits = [self.covers(seed) for seed in range(100)]
        assert 83 <= sum(hits) <= 97  # 90 nominally, with its own error of 3

    @staticmethod
    def covers(seed):
        found = estimate_breakage(point_lots(simulated(seed, customers=120), AS_OF), 0.9)
        return found.lower <= 0.5 <= found.upper

    def test_young_points_count_as_far_as_observed(self):
        # Of points that are all redeemed after 100 days, those 50 days old are still open.
        fates, ages, observed = [1] * 50 + [0] * 50, [100.0] * 50 + [50.0] * 50, [500.0] * 50 + [50.0] * 50
        lots = pd.DataFrame(
            {"customer": range(100), "points": 1.0, "fate": fates, "age": ages, "follow_up": observed}
        )
        found = estimate_breakage(lots)
        assert found.redeemed == 1
        assert found.by_age["redeemed"].tolist()[:4] == [0, 0, 0, 1]

    def test_what_is_open_at_the_end_counts_as_redeemed(self):
        lots = pd.DataFrame(
            {
                "customer": range(40),
                "points": 1.0,
                "fate": [2] * 10 + [0] * 30,
                "age": [10.0] * 10 + [300.0] * 30,
            }
        ).assign(follow_up=300.0)
        found = estimate_breakage(lots)
        assert found.share == pytest.approx(0.25)
        assert found.undecided == pytest.approx(0.75)
        assert found.still_redeemed(np.array([0.0, 45.0])).tolist() == pytest.approx([0.75, 1.0])

    def test_older_points_have_fewer_left_to_redeem(self):
        found = estimate_breakage(point_lots(simulated(2, customers=2_000), AS_OF))
        still = found.still_redeemed(np.array([0.0, 180.0, 330.0, 1000.0]))
        assert still[0] == pytest.approx(found.redeemed)
        assert (np.diff(still) < 0).all()
        assert still[-1] == 0

    def test_too_few_customers(self):
        lots = point_lots(rows(("a", "2025-01-01", 5, 0, 0)), AS_OF)
        with pytest.raises(DataError, match=r"set loyalty\.redeemed_share"):
            estimate_breakage(lots)
