"""Intervals of means, shares and net promoter scores: by the books, and how often they cover the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from guanxi.scorecard.targets._estimates import mean_interval, net_promoter_score


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
