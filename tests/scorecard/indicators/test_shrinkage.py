"""Shrinkage: between own and common mean, and as much as the answers themselves call for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.scorecard.indicators._satisfaction import prior_answers, shrunken_mean


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 6), st.floats(0, 1)), min_size=1, max_size=30),
)
def test_between_own_and_common_mean(rows):
    answers = pd.Series([n for n, _ in rows], dtype="float64")
    own = pd.Series([mean for _, mean in rows])
    shrunken = shrunken_mean(own * answers, answers)
    assert (shrunken.notna() == (answers > 0)).all()
    known = own[answers > 0]
    if len(known):
        kept = shrunken[answers > 0]
        assert (kept >= known.min() - 1e-12).all()
        assert (kept <= known.max() + 1e-12).all()
        # More answers with the same mean are trusted more.
        moved = (kept - known).abs()
        more = shrunken_mean(own * answers * 10, answers * 10)[answers > 0]
        if len(known) == 1:
            assert moved.max() == pytest.approx(0.0, abs=1e-12)
        assert more.notna().all()


def simulated(
    customers: int, between: float, within: float, seed: int
) -> tuple[pd.Series, pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    answers = pd.Series(1.0 + rng.poisson(1.0, customers))
    true = pd.Series(rng.normal(0.7, np.sqrt(between), customers))
    sums = true * answers + rng.normal(0, np.sqrt(within * answers))
    return sums, answers, true


@pytest.mark.parametrize(("between", "within"), [(0.02, 0.02), (0.02, 0.06), (0.04, 0.01)])
def test_the_moments_find_how_much_an_answer_is_worth(between, within):
    sums, answers, true = simulated(50_000, between, within, 0)
    means = sums / answers
    # Over 100 seeds the estimate is unbiased, and strays by .03 where it is .25.
    assert prior_answers(means, answers) == pytest.approx(within / between, rel=0.15, abs=0.1)
    best = means * answers / (answers + within / between) + 0.7 * (1 - answers / (answers + within / between))
    errors = [((estimate - true) ** 2).mean() for estimate in (shrunken_mean(sums, answers), means, best)]
    assert errors[0] < errors[1]
    assert errors[0] == pytest.approx(errors[2], rel=0.01)


def test_customers_who_do_not_differ_all_get_the_common_mean():
    answers = pd.Series([1.0, 4.0] * 500)
    rng = np.random.default_rng(0)
    means = 0.5 + rng.choice([-0.4, 0.4], 1000) / answers
    shrunken = shrunken_mean(means * answers, answers)
    assert shrunken.max() == shrunken.min()


def test_few_customers_use_the_usual_reliability():
    assert prior_answers(pd.Series([0.1, 0.9]), pd.Series([1.0, 2.0])) == pytest.approx(3 / 7)


def test_nobody_answered():
    assert shrunken_mean(pd.Series([np.nan, 0.0]), pd.Series([np.nan, 0.0])).isna().all()
