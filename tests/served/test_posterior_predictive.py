"""Analytic intervals, against simulation, root finding and general properties."""

from __future__ import annotations

import time
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, expit
from scipy.stats import betaprime, nbinom, norm

from guanxi.served.intervals import posterior_predictive, spend_table
from guanxi.served.intervals.posterior_predictive import NAMES, _count_probabilities, interval
from guanxi.served.numerics import parameter_points
from guanxi.served.purchases.beta_geometric_process import BG_CNBD, BG_NBD, MBG_NBD
from guanxi.served.purchases.lifetime_process import GGOM_NBD, NBD, PARETO_NBD
from guanxi.served.purchases.registry import PROCESSES
from guanxi.served.spend import GAMMA_GAMMA, LOG_NORMAL

BG = {"r": 0.25, "alpha": 31.0, "a": 0.8, "b": 2.5}
PARETO = {"r": 0.55, "alpha": 74.0, "s": 0.61, "beta": 82.0}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
LOG_NORMAL_SPEND = {"mean": 30.0, "level": 36.0, "between_variance": 0.4, "within_variance": 0.6}
BOTH_SPENDS = [(GAMMA_GAMMA, SPEND, None), (LOG_NORMAL, LOG_NORMAL_SPEND, None)]
HISTORIES = [(0, 0.0, 300.0), (2, 140.0, 260.0), (7, 266.0, 270.0), (26, 216.0, 217.0)]
HORIZON = 365.0


@pytest.fixture(scope="module")
def rows():
    generator = np.random.default_rng(4)
    T = np.ceil(generator.uniform(1.0, 730.0, 400))
    x = np.minimum(generator.geometric(0.25, 400) - 1.0, T)
    t_x = np.where(x > 0, np.ceil(T * generator.random(400) ** 0.3), 0.0)
    return x, t_x, T, np.where(x > 0, generator.gamma(4.0, 8.0, 400), 0.0)


def drawn_bg_nbd(generator, x, t_x, T, draws):
    """Purchases simulated from the process of Fader, Hardie & Lee (2005), given the history."""
    alive = generator.random(draws) < BG_NBD.probability_alive(BG, x, t_x, T)
    rate = generator.gamma(BG["r"] + x, 1.0 / (BG["alpha"] + T), draws)
    dropout = generator.beta(BG["a"], BG["b"] + x, draws)
    return np.where(alive, np.minimum(generator.poisson(rate * HORIZON), generator.geometric(dropout)), 0)


def drawn_pareto_nbd(generator, x, t_x, T, draws):
    """Purchases simulated from the process of Schmittlein, Morrison & Colombo (1987), given the history."""
    alive = generator.random(draws) < PARETO_NBD.probability_alive(PARETO, x, t_x, T)
    rate = generator.gamma(PARETO["r"] + x, 1.0 / (PARETO["alpha"] + T), draws)
    remaining = generator.exponential(1.0 / generator.gamma(PARETO["s"], 1.0 / (PARETO["beta"] + T), draws))
    return np.where(alive, generator.poisson(rate * np.minimum(remaining, HORIZON)), 0)


def drawn_total(generator, purchases, x, mean):
    """Total spend simulated from the process of Fader & Hardie, note 025."""
    rate = generator.gamma(SPEND["q"] + SPEND["p"] * x, 1.0 / (SPEND["v"] + x * mean), len(purchases))
    return np.where(purchases > 0, generator.gamma(np.maximum(SPEND["p"] * purchases, 1e-9)) / rate, 0.0)


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize(
    ("process", "params", "drawn"),
    [(BG_NBD, BG, drawn_bg_nbd), (PARETO_NBD, PARETO, drawn_pareto_nbd)],
    ids=["bg_nbd", "pareto_nbd"],
)
def test_ends_are_quantiles_of_draws(process, params, drawn, history):
    draws, mean = 200_000, 22.0 * (history[0] > 0)
    generator = np.random.default_rng(17)
    purchases = drawn(generator, *history, draws)
    total = drawn_total(generator, purchases, history[0], mean)
    ends = interval([(process, params, None)], (GAMMA_GAMMA, SPEND, None), *history, mean, HORIZON)
    # Five standard errors of a share.
    error = 5 * np.sqrt(0.05 * 0.95 / draws)
    for values, what in ((purchases, "purchases"), (total, "spend")):
        for end, level in (("lower", 0.05), ("upper", 0.95)):
            value = ends[f"{what}_{end}"][0]
            assert (values < value * (1 - 1e-9)).mean() <= level + error
            assert (values <= value * (1 + 1e-9)).mean() >= level - error


def mixture(y, shares, x, spend):
    """P(log(total / scale) <= y): no purchase, or a beta prime variable for each number of purchases."""
    a, b = spend["p"] * np.arange(1, len(shares)), spend["q"] + spend["p"] * x
    below = betainc(a, b, expit(y)) if y < 0 else betaincc(b, a, expit(-y))
    return shares[0] + shares[1:] @ below


@pytest.mark.parametrize("x", [0, 3, 150])
@pytest.mark.parametrize(
    "spend",
    [
        SPEND,
        {"p": 0.5, "q": 1.2, "v": 15.0},
        {"p": 60.0, "q": 40.0, "v": 15.0},
        {"p": 1e6, "q": 1e3, "v": 1.0},
    ],
    ids=["usual", "wild", "alike", "constant"],
)
def test_spend_ends_agree_with_root_finding(spend, x):
    history = (x, 650.0 * (x > 0), 700.0)
    nbd = {"r": 0.5, "alpha": 30.0}
    shares = NBD.count_distribution(nbd, *(np.array([value], float) for value in history), HORIZON, 400)[0]
    for level in (0.5, 0.9):
        ends = interval([(NBD, nbd, None)], (GAMMA_GAMMA, spend, None), *history, 22.0, HORIZON, level=level)
        for end, share in (("lower", (1 - level) / 2), ("upper", (1 + level) / 2)):
            if shares[0] >= share:
                expected = 0.0
            else:
                y = brentq(lambda y, share=share: mixture(y, shares, x, spend) - share, -100, 100, xtol=1e-12)
                expected = np.exp(y) * (spend["v"] + x * 22.0)
            assert ends[f"spend_{end}"][0] == pytest.approx(expected, rel=1e-4)


def test_log_normal_total_of_a_known_number_of_purchases():
    # NBD with negligible heterogeneity; the horizon gives 0.693 expected purchases, so P(none) is 1/2.
    certain = {"r": 1e7, "alpha": 1e7}
    ends = interval(
        [(NBD, certain, None)], (LOG_NORMAL, LOG_NORMAL_SPEND, None), 0, 0, 0, 0.0, np.log(2), level=0.5
    )
    # By hand: P(total <= s) is 1/2 + sum over n of P(n) Phi((log(s / (30 n)) + V / 2) / sqrt(V)),
    # where V = .4 + .6 / n.
    n = np.arange(1, 20)
    poisson = 0.5 * np.cumprod(np.log(2) / n)
    variance = 0.4 + 0.6 / n
    z = (np.log(ends["spend_upper"][0] / (30 * n)) + variance / 2) / np.sqrt(variance)
    assert 0.5 + poisson @ norm.cdf(z) == pytest.approx(0.75, abs=1e-5)
    assert ends["spend_lower"][0] == 0


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_order_duplicates_and_neighbours_change_nothing(rows, spend):
    models = [(BG_NBD, BG, None), (PARETO_NBD, PARETO, np.eye(4) * 0.01)]
    ends = interval(models, spend, *rows, HORIZON)
    order = np.random.default_rng(1).integers(0, 400, 150)
    shuffled = interval(models, spend, *(column[order] for column in rows), HORIZON)
    alone = interval(models, spend, *(column[7] for column in rows), HORIZON)
    for name in NAMES:
        np.testing.assert_allclose(shuffled[name], ends[name][order], rtol=1e-12)
        assert alone[name][0] == pytest.approx(ends[name][7], rel=1e-12)


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_wider_levels_contain_narrower_ones(rows, spend):
    levels = (0.0, 0.2, 0.5, 0.9, 0.99)
    ends = [interval([(BG_NBD, BG, None)], spend, *rows, HORIZON, level=level) for level in levels]
    for narrow, wide in pairwise(ends):
        for what in ("purchases", "spend"):
            assert (wide[f"{what}_lower"] <= narrow[f"{what}_lower"]).all()
            assert (narrow[f"{what}_upper"] <= wide[f"{what}_upper"]).all()


def test_unit_of_time_and_of_amounts(rows):
    x, t_x, T, mean = rows
    ends = interval([(BG_NBD, BG, None)], (GAMMA_GAMMA, SPEND, None), *rows, HORIZON)
    weeks = {**BG, "alpha": BG["alpha"] / 7}
    cents = {**SPEND, "v": SPEND["v"] * 100}
    other = interval(
        [(BG_NBD, weeks, None)], (GAMMA_GAMMA, cents, None), x, t_x / 7, T / 7, mean * 100, HORIZON / 7
    )
    for name in NAMES:
        np.testing.assert_allclose(other[name], ends[name] * (100 if "spend" in name else 1), rtol=1e-9)


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_a_zero_horizon_has_no_purchases(rows, spend):
    for process, params in ((BG_NBD, BG), (PARETO_NBD, PARETO), (NBD, {"r": 0.5, "alpha": 30.0})):
        for values in interval([(process, params, None)], spend, *rows, 0.0).values():
            assert (values == 0).all()


def test_several_models_count_equally(rows):
    x, t_x, T, _ = rows
    both = _count_probabilities([(BG_NBD, BG, None), (PARETO_NBD, PARETO, None)], x, t_x, T, HORIZON, 30)
    each = [
        process.count_distribution(params, x, t_x, T, HORIZON, 30)
        for process, params in ((BG_NBD, BG), (PARETO_NBD, PARETO))
    ]
    np.testing.assert_allclose(both, (each[0] + each[1]) / 2, atol=1e-14)


class TestUncertainParameters:
    def test_points_have_the_mean_and_the_covariance(self):
        covariance = np.array([[0.04, 0.03, 0.0], [0.03, 0.09, 0.01], [0.0, 0.01, 0.02]])
        params = {"p": 6.0, "q": 4.0, "v": 15.0}
        points = np.log([list(point.values()) for point in parameter_points(params, covariance)])
        deviations = points - np.log(list(params.values()))
        np.testing.assert_allclose(deviations.mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(deviations.T @ deviations / len(points), covariance, atol=1e-12)

    def test_unidentified_directions_are_truncated(self):
        points = parameter_points({"a": 1.0, "b": 1.0}, np.diag([1e6, 0.01]))
        largest = max(abs(np.log(value)) for point in points for value in point.values())
        assert largest == pytest.approx(0.5 * np.sqrt(2))

    @pytest.mark.parametrize("nothing", [None, np.full((4, 4), np.inf), np.eye(4) * 0.009**2])
    def test_known_and_unidentified_parameters_are_one_point(self, nothing):
        assert parameter_points(BG, nothing) == [BG]

    def test_regularity_is_not_an_uncertain_parameter(self):
        points = parameter_points({"k": 2, **BG}, np.eye(4) * 0.04)
        assert len(points) == 8
        assert {point["k"] for point in points} == {2}

    def test_they_widen_the_intervals(self, rows):
        known = interval([(NBD, {"r": 5.0, "alpha": 50.0}, None)], (GAMMA_GAMMA, SPEND, None), *rows, HORIZON)
        unsure = interval(
            [(NBD, {"r": 5.0, "alpha": 50.0}, np.eye(2) * 0.09)],
            (GAMMA_GAMMA, SPEND, np.eye(3) * 0.04),
            *rows,
            HORIZON,
        )
        for what in ("purchases", "spend"):
            widths = [ends[f"{what}_upper"] - ends[f"{what}_lower"] for ends in (known, unsure)]
            assert widths[1].mean() > 1.05 * widths[0].mean()

    def test_spend_of_newcomers_is_the_mixture_over_the_points(self):
        certain = (NBD, {"r": 1e7, "alpha": 1e7}, None)
        unsure = interval([certain], (GAMMA_GAMMA, SPEND, np.eye(3) * 0.04), 0, 0, 0, 0.0, 4.0)
        shares = NBD.count_distribution(certain[1], *np.zeros((3, 1)), 4.0, 60)[0]
        points = parameter_points(SPEND, np.eye(3) * 0.04)
        for end, level in (("lower", 0.05), ("upper", 0.95)):
            y = np.log(unsure[f"spend_{end}"][0])
            reached = np.mean([mixture(y - np.log(point["v"]), shares, 0, point) for point in points])
            assert reached == pytest.approx(level, abs=1e-5)


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_hundreds_and_thousands_of_purchases(spend):
    x, T = np.array([500.0, 3000.0, 20_000.0]), np.array([700.0, 1000.0, 2000.0])
    ends = interval([(NBD, {"r": 0.5, "alpha": 30.0}, None)], spend, x, T - 0.5, T, 20.0, HORIZON)
    # The posterior rate is Gamma(r + x, alpha + T), so counts are nearly normal.
    mean = (0.5 + x) / (30.0 + T) * HORIZON
    deviation = np.sqrt(mean + mean**2 / (0.5 + x))
    for end, sign in (("lower", -1), ("upper", 1)):
        expected = mean + sign * norm.ppf(0.95) * deviation
        np.testing.assert_allclose(ends[f"purchases_{end}"], expected, atol=0.05 * deviation.max(), rtol=0.01)
        assert (ends[f"spend_{end}"] > 0).all()
    amount = spend[0].expected_spend(spend[1], x, 20.0)
    assert (ends["spend_lower"] < mean * amount).all()
    assert (ends["spend_upper"] > mean * amount).all()


@pytest.mark.parametrize(
    ("process", "params"),
    [
        (BG_NBD, {"r": 1e-3, "alpha": 1e-3, "a": 1e-3, "b": 1e-3}),
        (BG_NBD, {"r": 4e6, "alpha": 4e7, "a": 1e6, "b": 1e9}),
        (MBG_NBD, {"r": 0.2, "alpha": 4.0, "a": 1e9, "b": 1e-3}),
        (BG_CNBD, {"k": 3, "r": 0.5, "alpha": 10.0, "a": 0.5, "b": 2.0}),
        (PARETO_NBD, {"r": 0.01, "alpha": 0.1, "s": 1e-3, "beta": 1e3}),
        (GGOM_NBD, {"r": 0.5, "alpha": 10.0, "b": 0.01, "s": 0.5, "beta": 0.1}),
    ],
)
@pytest.mark.parametrize(
    "spend",
    [
        (GAMMA_GAMMA, {"p": 1e-2, "q": 1e-2, "v": 1e-2}, None),
        (GAMMA_GAMMA, {"p": 1e6, "q": 1e12, "v": 2e7}, None),
        (LOG_NORMAL, {"mean": 9.99, "level": 9.99, "between_variance": 0.0, "within_variance": 0.0}, None),
        (LOG_NORMAL, {"mean": 9.99, "level": 9.99, "between_variance": 9.0, "within_variance": 0.0}, None),
    ],
    ids=["wild", "alike", "constant", "own mean"],
)
def test_parameters_at_their_limits_give_finite_ends(process, params, spend, small_rfm):
    columns = (small_rfm[name] for name in ("frequency", "recency", "T", "monetary_value"))
    for values in interval([(process, params, None)], spend, *columns, 90.0).values():
        assert np.isfinite(values).all()
        assert (values >= 0).all()


def test_almost_no_mass_lies_between_multiples_of_a_constant_amount():
    constant = {"mean": 1.0, "level": 1.0, "between_variance": 0.0, "within_variance": 0.0}
    ends = interval([(BG_NBD, BG, None)], (LOG_NORMAL, constant, None), 12, 0.0, 1.0, 1.0, 1.0)
    assert _count_probabilities([(BG_NBD, BG, None)], 12, 0.0, 1.0, 1.0, 1).sum() == pytest.approx(
        0.9482, abs=1e-4
    )
    assert ends["spend_upper"][0] == pytest.approx(2.0, rel=2e-3)


@settings(deadline=None, max_examples=10)
@given(
    x=st.integers(0, 60),
    age=st.floats(1.0, 1000.0),
    since=st.floats(0.0, 1.0),
    mean=st.floats(0.01, 1e5),
    horizon=st.floats(0.1, 1000.0),
)
def test_constant_amounts_make_spend_proportional_to_purchases(x, age, since, mean, horizon):
    history = (x, age * since if x else 0.0, age)
    constant = {"mean": mean, "level": mean, "between_variance": 0.0, "within_variance": 0.0}
    ends = interval([(BG_NBD, BG, None)], (LOG_NORMAL, constant, None), *history, mean, horizon)
    for end in ("lower", "upper"):
        assert ends[f"spend_{end}"][0] == pytest.approx(mean * ends[f"purchases_{end}"][0], rel=2e-3)


class TestAdjusted:
    """Count distributions adjusted to a given probability of zero and a given mean."""

    MODELS = ((BG_NBD, BG, None),)
    SPEND = (GAMMA_GAMMA, SPEND, None)

    def own(self, rows):
        x, t_x, T, _ = rows
        none = BG_NBD.probability_no_purchase(BG, x, t_x, T, HORIZON)
        return none, BG_NBD.expected_purchases(BG, x, t_x, T, HORIZON)

    def test_the_models_own_numbers_change_nothing(self, rows):
        plain, moved = (
            interval(self.MODELS, self.SPEND, *rows, HORIZON, adjusted=adjusted)
            for adjusted in (None, self.own(rows))
        )
        for end in ("lower", "upper"):
            np.testing.assert_array_equal(moved[f"purchases_{end}"], plain[f"purchases_{end}"])
            np.testing.assert_allclose(moved[f"spend_{end}"], plain[f"spend_{end}"], rtol=1e-4)

    def test_counts_have_the_requested_probability_of_zero_and_mean(self, rows):
        none, mean = self.own(rows)
        each = np.maximum(mean / (1.0 - none) * np.random.default_rng(3).uniform(0.6, 1.4, 400), 1.0)
        none = np.clip(none + np.random.default_rng(2).uniform(-0.2, 0.2, 400), 0.001, 0.999)
        mean = (1.0 - none) * each
        x, t_x, T, _ = rows
        few = x <= 12
        chances = _count_probabilities(
            self.MODELS, x[few], t_x[few], T[few], HORIZON, 900, adjusted=(none[few], mean[few])
        )
        np.testing.assert_allclose(chances[:, 0], none[few], rtol=1e-12)
        np.testing.assert_allclose(chances.sum(axis=1), 1.0, atol=1e-6)
        np.testing.assert_allclose(chances @ np.arange(901.0), mean[few], rtol=1e-4)

    def test_rounding_errors_in_the_tail_do_not_prevent_the_mean(self):
        """Far in the tail of a rare buyer's counts, probabilities are rounding errors and do not decrease."""
        bg = {"r": 0.2, "alpha": 20.0, "a": 0.5, "b": 2.0}
        uncertain = [(BG_NBD, bg, np.eye(4) * 0.01)]
        none, mean = np.array([0.9]), np.array([0.15])
        chances = _count_probabilities(uncertain, 0.0, 0.0, 545.0, 60.0, 60, adjusted=(none, mean))
        assert chances @ np.arange(61.0) == pytest.approx(0.15, rel=1e-4)

    def test_more_buyers_and_more_purchases_of_each_raise_every_end(self, rows):
        none, mean = self.own(rows)
        each, fewer = mean / (1.0 - none), 0.8 * none
        asked = ((none, mean), (fewer, (1.0 - fewer) * each), (fewer, (1.0 - fewer) * (1.3 * each + 0.1)))
        steps = [interval(self.MODELS, self.SPEND, *rows, HORIZON, adjusted=adjusted) for adjusted in asked]
        for less, more in pairwise(steps):
            for name in NAMES:
                assert (more[name] >= less[name] * (1 - 1e-6)).all(), name

    @pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
    def test_order_duplicates_and_neighbours_change_nothing(self, rows, spend):
        none, mean = self.own(rows)
        adjusted = (0.9 * none, 1.3 * mean + 0.1 * none)
        models = [(BG_NBD, BG, None), (PARETO_NBD, PARETO, np.eye(4) * 0.01)]
        ends = interval(models, spend, *rows, HORIZON, adjusted=adjusted)
        order = np.random.default_rng(1).integers(0, 400, 100)
        shuffled = interval(
            models,
            spend,
            *(column[order] for column in rows),
            HORIZON,
            adjusted=tuple(column[order] for column in adjusted),
        )
        for name in NAMES:
            np.testing.assert_allclose(shuffled[name], ends[name][order], rtol=1e-12)

    def test_no_purchases_if_zero_is_certain(self, rows):
        adjusted = (np.ones(400), np.zeros(400))
        for values in interval(self.MODELS, self.SPEND, *rows, HORIZON, adjusted=adjusted).values():
            assert (values == 0).all()

    def test_hundreds_of_purchases(self):
        nbd = [(NBD, {"r": 0.5, "alpha": 30.0}, None)]
        x, T = np.array([500.0]), np.array([700.0])
        own = (0.5 + x) / (30.0 + T) * HORIZON
        ends = [
            interval(nbd, self.SPEND, x, T - 0.5, T, 20.0, HORIZON, adjusted=(np.zeros(1), factor * own))
            for factor in (0.8, 1.0)
        ]
        for factor, end in zip((0.8, 1.0), ends, strict=True):
            assert (end["purchases_lower"] < factor * own).all()
            assert (end["purchases_upper"] > factor * own).all()
            assert (end["purchases_upper"] - end["purchases_lower"] < 0.35 * own).all()


FAR = [(1e4, 3649.0, 3650.0), (1e6, 3649.0, 3650.0), (1e6, 1.0, 2.0), (1e8, 900.0, 1e3), (50.0, 0.5, 1.0)]


@pytest.mark.parametrize("history", FAR)
def test_ends_of_very_frequent_buyers_against_the_exact_distribution(history):
    """NBD: purchases are negative binomial; given them the total is beta prime."""
    nbd = {"r": 0.5, "alpha": 30.0}
    ends = interval([(NBD, nbd, None)], (GAMMA_GAMMA, SPEND, None), *history, 22.0, HORIZON)
    shape, rate = nbd["r"] + history[0], nbd["alpha"] + history[2]
    purchases = nbinom(shape, rate / (rate + HORIZON))
    levels = purchases.cdf(np.array([ends["purchases_lower"][0], ends["purchases_upper"][0]]))
    for end, level in (("lower", 0.05), ("upper", 0.95)):
        assert ends[f"purchases_{end}"][0] == pytest.approx(purchases.ppf(level), rel=1e-3, abs=1)
    assert levels == pytest.approx([0.05, 0.95], abs=0.02)
    draws = np.random.default_rng(1)
    total = drawn_total(
        draws, nbinom.rvs(shape, rate / (rate + HORIZON), size=200_000, random_state=draws), history[0], 22.0
    )
    inside = (total >= ends["spend_lower"][0]) & (total <= ends["spend_upper"][0])
    assert inside.mean() == pytest.approx(0.9, abs=0.005)


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_bisection_finds_the_quantiles_of_the_table(rows, spend, monkeypatch):
    x, _, T, mean = rows
    history = (x[:40] + 30.0, T[:40] - 1.0, T[:40], 20.0 + mean[:40], 3.0 * HORIZON)
    table = interval([(PARETO_NBD, PARETO, None)], spend, *history)
    monkeypatch.setattr(spend_table, "_MOST_ENTRIES", 0)
    posterior_predictive._kept_table.cache_clear()
    found = interval([(PARETO_NBD, PARETO, None)], spend, *history)
    posterior_predictive._kept_table.cache_clear()
    for name in NAMES:
        np.testing.assert_allclose(found[name], table[name], rtol=1e-4)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.slow
def test_memory_and_time_of_extreme_rows_are_bounded(name):
    params = {"k": 2} if name.endswith("cnbd") else {}
    params |= {"r": 0.5, "alpha": 30.0}
    params |= {"s": 0.6, "beta": 80.0} if "pareto" in name or "ggom" in name else {}
    params |= {"b": 1e-3} if "ggom" in name else {"a": 0.8, "b": 2.5}
    params |= {"beta": 0.7, "gamma": 0.7, "delta": 2.8, "period": 30.0} if name == "bg_bb" else {}
    params = {key: params[key] for key in PROCESSES[name].parameters}
    width = len(params) - ("k" in params) - ("period" in params)
    x = np.array([3650.0, 1e4, 1e5, 1e6, 1e6, 2e9])
    T = np.array([3650.0, 3650.0, 3650.0, 3650.0, 1.0, 1e6])
    tracemalloc.start()
    ends = interval(
        [(PROCESSES[name], params, np.eye(width) * 0.01)],
        (GAMMA_GAMMA, SPEND, np.eye(3) * 0.01),
        x,
        T,
        T,
        np.array([1.0, 1e-9, 1e9, 1e12, 1.0, 1e4]),
        3650.0,
    )
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 250e6
    for name in NAMES:
        assert np.isfinite(ends[name]).all()
        assert (ends[name] >= 0).all()
    assert (ends["spend_upper"] >= ends["spend_lower"]).all()


@pytest.mark.parametrize("deviation", [0.05, 0.2])
def test_correlated_parameters_of_spend_leave_the_scale_where_it_is(deviation):
    """One year of a newcomer: the same end as drawn from the parameter points themselves."""
    amounts, covariance = {"p": 6.0, "q": 4.0, "v": 15.0}, deviation**2 * (0.1 * np.eye(3) + 0.9)
    purchases, horizon, most = [(BG_NBD, BG, None)], 365.0, 200
    upper = interval(
        purchases, (GAMMA_GAMMA, amounts, covariance), [0], [0], [30], [0.0], horizon, level=0.96
    )["spend_upper"][0]
    chances = _count_probabilities(purchases, [0], [0], [30], horizon, most)[0]
    counts = np.arange(most + 1.0)[1:]
    reached = [
        chances[0] + chances[1:] @ betaprime(point["p"] * counts, point["q"]).cdf(upper / point["v"])
        for point in parameter_points(amounts, covariance)
    ]
    assert np.mean(reached) == pytest.approx(0.98, abs=1e-4)


@pytest.mark.parametrize("spend", BOTH_SPENDS, ids=["gamma_gamma", "log_normal"])
def test_daily_buyers_over_ten_years_take_little_time(spend):
    """Once .6 s a row; the limit is a quarter of that, in time of the processor."""
    x = 3650.0 - np.arange(20.0) * 7.0
    T = np.full(20, 3650.0)
    begin = time.process_time()
    ends = interval(
        [(BG_NBD, {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.5}, None)],
        spend,
        x,
        T - 1.0,
        T,
        27.0 + x % 5,
        365.0,
    )
    assert time.process_time() - begin < 20 * 0.15
    assert (ends["purchases_upper"] >= ends["purchases_lower"]).all()
