"""Intervals of means, shares and net promoter scores: by the books, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guanxi.scorecard.targets._estimates import mean_interval, net_promoter_score, share_interval


def test_mean_interval_is_students():
    sample = np.array([4.0, 7.0, 1.0, 9.0, 9.5])
    lower, upper = mean_interval(sample.mean(), sample.std(ddof=1), len(sample), 0.95)
    expected = stats.t.interval(0.95, 4, loc=sample.mean(), scale=stats.sem(sample))
    assert (float(lower), float(upper)) == pytest.approx(expected)
    assert np.isnan(mean_interval([1.0, 1.0], [0.0, np.nan], [1, 0])).all()


@pytest.mark.parametrize(("hits", "count"), [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)])
def test_share_interval_is_wilsons(hits, count):
    """The cases of Newcombe, R. G. (1998), Two-sided confidence intervals, Statistics in Medicine 17."""
    lower, upper = share_interval(hits, count, 0.95)
    expected = stats.binomtest(hits, count).proportion_ci(0.95, method="wilson")
    assert (float(lower), float(upper)) == pytest.approx((expected.low, expected.high))


def test_newcombes_printed_digits():
    lower, upper = share_interval([81, 15, 0, 1], [263, 148, 20, 29], 0.95)
    assert np.round(lower, 4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert np.round(upper, 4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


def test_nothing_has_no_share_and_no_score():
    assert np.isnan(share_interval(0, 0)).all()
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
