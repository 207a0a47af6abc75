"""Simulated futures against the exact distribution they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from guanxi.models.formulas import bg_nbd, gamma_gamma
from guanxi.models.formulas.posterior import interval, simulate

HORIZON = 39.0


@pytest.fixture
def rows(small_rfm):
    return tuple(
        small_rfm[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T", "monetary_value")
    )


@pytest.mark.parametrize("history", [(0, 0.0, 39.0), (2, 20.0, 37.0), (7, 38.0, 38.5), (26, 30.857, 31.0)])
def test_drawn_purchases_have_the_exact_distribution(history, cdnow_params, cdnow_spend_params):
    draws = 40_000
    purchases, _ = simulate(cdnow_params, cdnow_spend_params, *history, 20.0, HORIZON, draws=draws)
    n = np.arange(60)
    exact = bg_nbd.purchase_probability(cdnow_params, *history, n, HORIZON)
    drawn = (purchases == n[:, None]).mean(axis=1)
    # Five standard errors of a share, over some hundred comparisons.
    assert (np.abs(drawn - exact) <= 5 * np.sqrt(exact * (1 - exact) / draws) + 1e-4).all()


def test_drawn_spend_has_the_expected_mean(cdnow_params, cdnow_spend_params):
    history, mean = (7.0, 38.0, 38.5), 22.25
    purchases, total = simulate(cdnow_params, cdnow_spend_params, *history, mean, HORIZON, draws=40_000)
    spend = gamma_gamma.expected_spend(cdnow_spend_params, 7, mean)[0]
    expected = bg_nbd.expected_purchases(cdnow_params, *history, HORIZON)[0] * spend
    assert total.mean() == pytest.approx(expected, abs=5 * total.std() / 200)
    assert ((total > 0) == (purchases > 0)).all()


def test_order_duplicates_and_neighbours_change_nothing(rows, cdnow_params, cdnow_spend_params):
    ends = interval(cdnow_params, cdnow_spend_params, *rows, HORIZON)
    order = np.array([3, 0, 4, 0, 2, 1, 3])
    shuffled = interval(cdnow_params, cdnow_spend_params, *(column[order] for column in rows), HORIZON)
    alone = interval(cdnow_params, cdnow_spend_params, *(column[3] for column in rows), HORIZON)
    for name, values in ends.items():
        np.testing.assert_array_equal(shuffled[name], values[order])
        assert alone[name][0] == values[3]


def test_seed_and_horizon_change_the_draws(rows, cdnow_params, cdnow_spend_params):
    first, _ = simulate(cdnow_params, cdnow_spend_params, *rows, HORIZON, seed=1)
    again, _ = simulate(cdnow_params, cdnow_spend_params, *rows, HORIZON, seed=1)
    other, _ = simulate(cdnow_params, cdnow_spend_params, *rows, HORIZON, seed=2)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_wider_levels_contain_narrower_ones(rows, cdnow_params, cdnow_spend_params):
    narrow, wide = (
        interval(cdnow_params, cdnow_spend_params, *rows, HORIZON, level=level) for level in (0.5, 0.9)
    )
    for what in ("purchases", "spend"):
        assert (wide[f"{what}_lower"] <= narrow[f"{what}_lower"]).all()
        assert (narrow[f"{what}_upper"] <= wide[f"{what}_upper"]).all()


@pytest.mark.parametrize(
    ("transactions", "spend"),
    [
        ({"r": 1e-3, "alpha": 1e-3, "a": 1e-3, "b": 1e-3}, {"p": 1e-2, "q": 1e-2, "v": 1e-2}),
        ({"r": 4e6, "alpha": 4e7, "a": 1e6, "b": 1e9}, {"p": 1e6, "q": 1e12, "v": 2e7}),
        ({"r": 0.2, "alpha": 4.0, "a": 1e9, "b": 1e-3}, {"p": 6.0, "q": 0.5, "v": 15.0}),
    ],
)
def test_parameters_at_their_limits_draw_finite_numbers(transactions, spend, rows):
    for values in interval(transactions, spend, *rows, 365.0).values():
        assert np.isfinite(values).all()
        assert (values >= 0).all()
