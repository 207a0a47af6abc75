"""Intervals of means, shares and net promoter scores: by the books, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from guanxi.params.scorecard import IndicatorTarget, ReferenceValue
from guanxi.scorecard.targets._estimates import mean_interval, net_promoter_score, portfolio, sample_of
from guanxi.scorecard.targets._indicator_targets import check_targets
from guanxi.scorecard.targets._reference_values import compare_with_references
from guanxi.scorecard.targets._roll_up import roll_up


def test_mean_interval_is_students():
    sample = np.array([4.0, 7.0, 1.0, 9.0, 9.5])
    lower, upper = mean_interval(sample.mean(), sample.std(ddof=1), len(sample), 0.95)
    expected = stats.t.interval(0.95, 4, loc=sample.mean(), scale=stats.sem(sample))
    assert (float(lower), float(upper)) == pytest.approx(expected)
    assert np.isnan(mean_interval([1.0, 1.0], [0.0, np.nan], [1, 0])).all()


def test_nobody_has_no_score():
    assert np.isnan(net_promoter_score(0, 0, 0)).all()


def test_all_promoters_leave_room_below():
    score, lower, upper = (float(each) for each in net_promoter_score(10, 0, 0))
    assert score == 100.0
    assert 50.0 < lower < 90.0
    assert lower < upper <= 100.0


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.1, 0.2, 0.7), (0.33, 0.34, 0.33)])
@pytest.mark.parametrize("answers", [10, 30, 200])
def test_net_promoter_intervals_cover(shares, answers):
    counts = np.random.default_rng(0).multinomial(answers, shares, 20_000)
    _, lower, upper = net_promoter_score(*counts.T)
    truth = 100 * (shares[0] - shares[2])
    assert ((lower <= truth) & (truth <= upper)).mean() == pytest.approx(0.9, abs=0.025)


class TestPortfolio:
    """The CLV : CAC of customers together is the value of all over the cost of all."""

    def table(self, customers=400):
        rng = np.random.default_rng(3)
        cost, value = rng.lognormal(3, 1, customers), rng.lognormal(4, 1, customers)
        ids = range(customers)
        ratio = np.where(rng.random(customers) < 0.1, np.nan, value / cost)
        return pd.DataFrame({"customer_id": ids, "clv_to_acquisition_cost": ratio, "acquisition_cost": cost})

    def test_the_ratio_is_that_of_sums(self):
        table = self.table().dropna()
        clv = table["clv_to_acquisition_cost"] * table["acquisition_cost"]
        ratio = clv.sum() / table["acquisition_cost"].sum()
        assert portfolio(table, "clv_to_acquisition_cost").mean() == pytest.approx(ratio)
        target = {"clv_to_acquisition_cost": IndicatorTarget(target=3.0)}
        assert check_targets(table, target)["value"].item() == pytest.approx(ratio)
        found = compare_with_references(table, {"clv_to_acquisition_cost": ReferenceValue(value=3.0)})
        assert found["value"].item() == pytest.approx(ratio)
        assert ratio < 0.8 * table["clv_to_acquisition_cost"].mean()

    def test_its_interval_holds_the_truth_nine_times_in_ten(self):
        rng, truth, held = np.random.default_rng(5), np.exp(4 - 3), 0
        for _ in range(300):
            cost = rng.lognormal(3, 0.5, 200)
            ratio = truth * rng.lognormal(-0.125, 0.5, 200)
            table = pd.DataFrame({"clv_to_acquisition_cost": ratio, "acquisition_cost": cost})
            sample = sample_of(portfolio(table, "clv_to_acquisition_cost"), "mean")
            held += sample.lower <= truth <= sample.upper
        assert 0.84 <= held / 300 <= 0.95

    def test_groups_have_theirs(self):
        table = self.table().assign(team=lambda rows: rows["customer_id"] % 2, score=50.0, tier="high")
        means = roll_up(table, "team", ["clv_to_acquisition_cost"]).means
        for _, row in means.iterrows():
            own = table[(table["team"] == row["group"]) & table["clv_to_acquisition_cost"].notna()]
            weights = own["acquisition_cost"]
            assert row["mean"] == pytest.approx(np.average(own["clv_to_acquisition_cost"], weights=weights))
        whole = portfolio(table, "clv_to_acquisition_cost").mean()
        np.testing.assert_allclose(means["difference"], means["mean"] - whole)
