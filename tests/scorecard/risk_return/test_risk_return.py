"""Risk and return: shortfalls, defaults, efficient shares and decision trees against the truth."""

from __future__ import annotations

from datetime import date
from itertools import product

import numpy as np
import pandas as pd
import pytest

from guanxi.scorecard.risk_return._customer_risk import (
    customer_risk,
    default_probabilities,
    fit_downside_risk,
    segment_risk,
)
from guanxi.scorecard.risk_return._decision_tree import decision_trees
from guanxi.scorecard.risk_return._efficient_shares import efficient_shares, segment_margins
from guanxi.scorecard.transitions._tier_chain import tier_chain

ALL_KNOWN = pd.Series(0.0, index=range(3))


class TestDownside:
    def customers(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Who leaves earns nothing: the semi-deviation is the expected value times the root of the churn."""
        random = np.random.default_rng(seed)
        churn, worth = random.uniform(0.05, 0.95, n), random.lognormal(3.0, 1.0, n)
        return (1 - churn) * worth, churn, np.where(random.random(n) < churn, 0.0, worth)

    def test_measured_shortfalls_are_the_true_ones(self):
        risk = fit_downside_risk(*self.customers(40_000, 1))
        assert risk is not None
        expected, churn, _ = self.customers(2000, 2)
        found, truth = risk.semi_deviation(expected, churn), expected * np.sqrt(churn)
        assert np.median(np.abs(found / truth - 1)) < 0.06
        assert np.corrcoef(found, truth)[0, 1] > 0.99

    def test_without_earlier_days_churn_alone_decides(self):
        table = pd.DataFrame({"customer_id": [1, 2, 3], "clv": [100.0, 100.0, np.nan]})
        found = customer_risk(table.assign(churn_probability=[0.25, 0.0, 0.5]), None, ALL_KNOWN)
        np.testing.assert_allclose(found["semi_deviation"], [50.0, 0.0, np.nan])
        np.testing.assert_allclose(found["return_per_risk"], [2.0, np.nan, np.nan])

    def test_few_or_unknown_customers(self):
        few = self.customers(49, 3)
        assert fit_downside_risk(*few) is None
        expected, churn, realised = self.customers(60, 4)
        churn[:] = 0.5  # all in one group
        risk = fit_downside_risk(expected, churn, realised)
        assert risk is not None
        found = risk.semi_deviation(np.array([10.0, -5.0, np.nan, 10.0]), np.array([0.5, 0.5, 0.5, np.nan]))
        assert 0 < found[0] <= 10
        assert found[1] == 0
        assert np.isnan(found[2:]).all()

    def test_segments_are_ranked_by_return_per_risk(self):
        table = pd.DataFrame({"customer_id": range(4), "clv": [10.0, 20.0, 5.0, 5.0], "tier": list("aabb")})
        table["churn_probability"] = [0.01, 0.01, 0.64, 0.64]
        risk = customer_risk(table, None, pd.Series(np.nan, index=range(4)))
        found = segment_risk(table, risk, ["tier"]).set_index("segment")
        assert found.index.tolist() == ["a", "b"]
        assert found["return_per_risk"].round(6).tolist() == [10.0, 1.25]
        assert found.loc["a", "expected_value"] == 15


class TestDefaults:
    def days(self, rates: dict[float, float], n: int = 4000) -> list[pd.DataFrame]:
        random = np.random.default_rng(5)
        overdue = random.choice(list(rates), n)
        first = pd.DataFrame({"customer_id": np.arange(n), "overdue_days": overdue, "defaults": 0.0})
        hit = random.random(n) < np.array([rates[each] for each in overdue])
        return [first, first.assign(defaults=hit.astype(float))]

    def test_the_rate_of_each_class_is_found(self):
        rates = {0.0: 0.01, 10.0: 0.05, 60.0: 0.2, 200.0: 0.5}
        before, after = self.days(rates)
        found = default_probabilities([before, after.assign(defaults=0.0)])
        assert found.isna().sum() == 0
        assert found.max() < 0.01  # nobody defaulted from the one day to the other
        by_class = default_probabilities(
            [before, after, before.assign(customer_id=before["customer_id"] + 9999)]
        )
        means = by_class.groupby(before["overdue_days"]).mean()
        np.testing.assert_allclose(means, list(rates.values()), atol=0.03)

    def test_unknown_credit_stays_unknown(self):
        before, after = self.days({0.0: 0.1})
        after.loc[0, "defaults"] = np.nan
        assert np.isnan(default_probabilities([before, after])[0])
        assert default_probabilities([after]).isna().all()
        assert default_probabilities([before.assign(defaults=np.nan)] * 2).isna().all()


class TestEfficientShares:
    def test_no_other_mix_has_less_risk_for_the_margin(self):
        random = np.random.default_rng(6)
        common = random.normal(size=24)
        margins = pd.DataFrame(
            {
                "a": 10 + 4 * common + random.normal(size=24),
                "b": 8 - 2 * common + random.normal(size=24),
                "c": 5 + 0.5 * random.normal(size=24),
            }
        )
        now = pd.Series({"a": 0.6, "b": 0.2, "c": 0.2})
        found = efficient_shares(margins, now)
        assert found is not None
        values = margins.to_numpy()
        deviations = values - values.mean(axis=0)

        def risk(shares: np.ndarray) -> float:
            return float(np.sqrt(np.mean(np.minimum(deviations @ shares, 0) ** 2)))

        steps = np.linspace(0, 1, 51)
        mixes = [np.array([x, y, 1 - x - y]) for x, y in product(steps, steps) if x + y <= 1]
        enough = [risk(mix) for mix in mixes if values.mean(axis=0) @ mix >= found.margin]
        shares = found.segments["efficient_share"].to_numpy()
        assert shares.sum() == pytest.approx(1)
        assert values.mean(axis=0) @ shares >= found.margin - 1e-6
        assert found.efficient_semi_deviation <= min(enough) + 1e-6
        assert found.efficient_semi_deviation < found.semi_deviation
        least = found.segments["least_risk_share"].to_numpy()
        assert risk(least) <= min(risk(mix) for mix in mixes) + 1e-6

    def test_too_little_data_has_no_answer(self):
        margins = pd.DataFrame(np.random.default_rng(7).normal(size=(12, 7)), columns=list("abcdefg"))
        assert efficient_shares(margins, pd.Series(1 / 7, index=margins.columns)) is None  # 12 < 2 x 7
        assert efficient_shares(margins[["a"]], pd.Series({"a": 1.0})) is None
        assert efficient_shares(margins.head(11)[["a", "b"]], pd.Series({"a": 0.5, "b": 0.5})) is None

    def test_margins_count_those_who_earned_nothing(self):
        starts = [pd.DataFrame({"customer_id": [1, 2, 3], "tier": ["high", "high", "low"]})] * 2
        margins = pd.DataFrame(
            {
                "customer_id": [1, 3, 9],
                "interval": [0, 1, 1],
                "period": [0, 1, 1],
                "margin": [10.0, 6.0, 99.0],
            }
        )
        found = segment_margins(starts, margins, "tier")
        assert found.to_dict("index") == {0: {"high": 5.0, "low": 0.0}, 1: {"high": 0.0, "low": 6.0}}


class TestDecisionTree:
    @pytest.fixture(scope="class")
    @staticmethod
    def chain():
        random, names = np.random.default_rng(8), np.array(["high", "middle", "low"], dtype=object)
        before = random.integers(0, 3, 3000)
        after = np.clip(before + random.choice([-1, 0, 1], 3000, p=[0.1, 0.7, 0.2]), 0, 2)
        days = {date(2024, 1, 1): pd.Series(names[before]), date(2024, 4, 1): pd.Series(names[after])}
        margins = {date(2024, 1, 1): pd.Series(np.array([100.0, 30.0, 5.0])[before])}
        return tier_chain(days, margins, annual_discount_rate=0.1, seed=1)

    def test_an_option_is_worth_its_branches_and_carrying_on_the_year(self, chain):
        found = decision_trees(chain, pd.DataFrame({"tier": ["high"]}))
        rolled = (found["probability"] * found["value"]).groupby([found["tier"], found["option"]]).sum()
        told = found.groupby(["tier", "option"])["expected_value"].first()
        np.testing.assert_allclose(rolled, told)
        year = chain.equity.set_index("tier")["year"]
        np.testing.assert_allclose(told.xs("continue", level="option")[year.index], year, rtol=1e-9)
        assert found.loc[found["best"], "option"].unique().tolist() == ["continue"]

    @pytest.mark.parametrize("tier", ["high", "middle", "low"])
    def test_an_action_that_moves_what_is_needed_earns_its_cost(self, chain, tier):
        customers = pd.DataFrame({"tier": [tier], "action": ["Call"], "action_cost": [3.0]})
        found = decision_trees(chain, customers)
        act = found[(found["tier"] == tier) & (found["option"] == "act")].set_index("outcome")
        on = found[(found["tier"] == tier) & (found["option"] == "continue")].set_index("outcome")
        needed, place = act["break_even"].iloc[0], list(act.index).index(tier)
        moved = act["probability"].to_numpy().copy()
        if place < len(moved) - 1:
            falling = moved[place + 1 :].sum()
            moved[place + 1 :] *= 1 - needed / falling
            moved[place] += needed
        else:
            moved[[place - 1, place]] += [needed, -needed]
        assert moved @ act["value"] == pytest.approx(on["probability"] @ on["value"])

    def test_a_cost_that_nothing_earns_back_says_so(self, chain):
        customers = pd.DataFrame({"tier": ["low"], "action": ["Gift"], "action_cost": [1e6]})
        found = decision_trees(chain, customers)
        act = found[found["option"] == "act"]
        assert len(act) == 3
        assert act["break_even"].isna().all()
