"""Level of the portfolio: seasons, slow changes and prices are learnt from refits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guanxi.data.transactions import read_transactions
from guanxi.evaluation.realised_performance import outcomes
from guanxi.features.histories import sample_histories
from guanxi.features.rfm import rfm
from guanxi.models.purchase_models import transaction_model
from guanxi.params import load_params
from guanxi.periods import add_days
from guanxi.pipeline.fit import fit_models
from guanxi.pipeline.level._refits import refit_models
from guanxi.pipeline.level._structural_model import OF_PURCHASES, Ratios, fit_structural_model
from guanxi.pipeline.level.forecast import fit_level
from guanxi.served.scorer import Scorer
from guanxi.simulation import simulate_transactions

DAYS, HORIZON = 1280, 90
FIRST = pd.Timestamp("2021-01-01")
BG = {"r": 0.6, "alpha": 25.0, "a": 0.8, "b": 4.0}
SPEND = {"p": 4.0, "q": 4.0, "v": 20.0}
MODEL = [partial(transaction_model, "bg_nbd", "guanxi", 1.0)]


def shop(season: float = 0.0, trend: float = 0.0, price: float = 0.0) -> pd.DataFrame:
    """Customers whose time runs faster on busier days: a sine with a period of one year, and a trend."""
    day = np.arange(DAYS)
    busy = (1.0 + season * np.sin(day * 2 * np.pi / 365)) * np.exp(trend * day / 365)
    age = np.random.default_rng(1).uniform(0.0, DAYS - 1.0, 1200)
    table = simulate_transactions("bg_nbd", BG, SPEND, 1200, age, 1)
    end = table["timestamp"].max()
    elapsed = DAYS - 1 - (end - table["timestamp"]).dt.total_seconds() / 86400.0
    worked = np.concatenate([[0.0], np.cumsum(busy)]) * DAYS / busy.sum()
    moved = np.floor(np.interp(elapsed, worked, np.arange(DAYS + 1.0)))
    amount = table["amount"] * np.exp(price * moved / 365)
    return table.assign(timestamp=FIRST + pd.to_timedelta(moved, unit="D"), amount=amount)


@pytest.fixture(scope="module")
def params():
    return load_params(flags={"horizon_days": HORIZON, "churn.lightgbm.n_estimators": 20})


@pytest.fixture(scope="module")
def seasonal(params):
    log = read_transactions(shop(season=0.4), params.data)
    yield log
    log.close()


@pytest.fixture(scope="module")
def fitted(seasonal, params):
    return fit_models(seasonal, date(2024, 2, 15), params)


def level_of(table: pd.DataFrame, as_of: date, *, with_spend: bool = False):
    log = read_transactions(table)
    refits = refit_models(log, as_of, MODEL, with_spend=with_spend)
    log.close()
    return fit_level(refits, HORIZON)


class TestSeason:
    def test_the_intensity_follows_it(self, fitted):
        index = fitted.model.intensity
        first = pd.Timestamp(index.first_day)
        middles = first + pd.to_timedelta(index.step_days * (np.arange(len(index.purchases)) + 0.5), unit="D")
        ahead = middles > pd.Timestamp("2024-02-15")
        intensity = pd.Series(index.purchases, middles)[ahead]
        spring, autumn = (intensity[intensity.index.month.isin(m)].mean() for m in ([3, 4], [9, 10]))
        assert spring > 1.4 * autumn

    def test_it_improves_the_total(self, seasonal, fitted):
        came = outcomes(seasonal, fitted.as_of, HORIZON).merge(fitted.features[["customer_id"]])
        actual = came["purchases"].sum()
        flat = Scorer(replace(fitted.model, intensity=None), fitted.trees)
        with_season, without = (
            scorer.forecast(fitted.features, HORIZON)["expected_purchases"].sum()
            for scorer in (fitted.scorer, flat)
        )
        assert abs(with_season / actual - 1.0) < 0.12
        assert abs(with_season / actual - 1.0) < abs(without / actual - 1.0) / 2

    def test_scores_of_another_day_follow_that_day_s_season(self, fitted):
        scores = {
            day: fitted.scorer.score(fitted.features, as_of=day, drivers=0)["expected_purchases"].sum()
            for day in ("2024-02-15", "2024-08-15")
        }
        # The true intensities are 1.34 and .66 times the mean; dropout takes its part of the difference.
        assert 1.2 < scores["2024-02-15"] / scores["2024-08-15"] < 1.34 / 0.66

    def test_effects_still_add_up_to_the_probability_shown(self, fitted):
        day = "2024-08-15"
        effects = fitted.scorer.driver_effects(fitted.features, HORIZON, day).sum(axis=1)
        scale = fitted.scorer.churn_scale()
        log_odds = scale["slope"] * effects + scale["level"]
        shown = fitted.scorer.score(fitted.features, as_of=day, drivers=0)["churn_probability"]
        np.testing.assert_allclose(1.0 / (1.0 + np.exp(-log_odds)), shown, atol=1e-9)


class TestLevel:
    @pytest.mark.slow
    def test_a_decline_is_followed_and_said(self):
        level = level_of(shop(trend=-0.5), date(2024, 2, 15))
        assert level.error(364).mean < -0.1
        said = level.describe(364)
        assert "forecasts of 364 days were off by +" in said
        assert said.endswith("%")
        assert "lowered by" in said

    @pytest.mark.slow
    def test_without_season_or_trend_it_is_left_nearly_as_it_is(self):
        level = level_of(shop(), date(2024, 2, 15))
        assert all(abs(level.error(days).mean) < 0.1 for days in (28, 90, 364))
        assert np.sqrt(level.error(364).variance) < 0.15

    @pytest.mark.slow
    def test_prices_that_rise_raise_the_amounts(self):
        level = level_of(shop(price=0.3), date(2024, 2, 15), with_spend=True)
        assert level.error(364, "amounts").mean > 0.1
        assert abs(level.error(364).mean) < 0.1

    @pytest.mark.slow
    def test_below_a_year_the_amounts_are_left_as_they_are(self):
        level = level_of(shop(price=0.3), date(2021, 10, 15), with_spend=True)
        assert level.amounts is None
        assert level.error(90, "amounts").mean == 0.0

    @pytest.mark.slow
    def test_the_shorter_the_history_the_wider(self):
        table = shop(season=0.4)
        spread = [
            level_of(table, day).error(HORIZON).variance for day in (date(2021, 9, 1), date(2024, 2, 15))
        ]
        assert spread[1] < spread[0] / 2

    def test_the_model_s_totals_become_those_expected(self, fitted):
        own = Scorer(replace(fitted.model, intensity=None, corrections={}), {})
        levelled = Scorer(replace(fitted.model, corrections={}), {})
        step, as_of = fitted.model.intensity.step_days, fitted.as_of.isoformat()
        before, after = (
            np.exp(scorer.base("purchases", fitted.features, 3 * step, as_of)).sum()
            for scorer in (own, levelled)
        )
        assert after / before == pytest.approx(np.exp(fitted.level.error(3 * step).mean), rel=0.02)

    @pytest.mark.slow
    def test_it_is_the_same_again(self, seasonal):
        twice = [
            fit_level(refit_models(seasonal, date(2023, 8, 1), MODEL, with_spend=True), HORIZON).error(90)
            for _ in range(2)
        ]
        np.testing.assert_array_equal(twice[0].means, twice[1].means)

    def test_histories_are_those_of_the_feature_tables(self, seasonal):
        cutoff = date(2023, 3, 1)
        own = sample_histories(seasonal, date(2024, 2, 15), 5000).rfm((cutoff - seasonal.first_day).days)
        known = rfm(shop(season=0.4), cutoff=cutoff)
        for name in own:
            np.testing.assert_allclose(own[name], known[name], rtol=1e-9, atol=1e-9)


def after_weeks(log_ratio):
    """Level after weeks with these log ratios at every refit, of a company with 500 purchases a week."""
    last, bought = len(log_ratio) - 1, 500.0 * np.exp(log_ratio)
    seen = np.cumsum(bought)
    refits = [Ratios(end, log_ratio[end + 1 :], bought[end + 1 :], seen[end]) for end in range(2, last)]
    return fit_structural_model(refits, bought, 12, 7, OF_PURCHASES)


class TestStructuralModel:
    @given(st.floats(-0.5, 0.5))
    @settings(max_examples=15, deadline=None)
    @pytest.mark.slow
    def test_a_constant_miss_is_corrected_in_part(self, miss):
        refits = [
            Ratios(end, np.full(35 - end, miss), np.full(35 - end, 900.0), 5000.0) for end in (11, 17, 23)
        ]
        found = fit_structural_model(refits, np.full(36, 900.0), 13, 28, OF_PURCHASES).mean
        assert min(0.0, miss) - 0.01 <= found.mean() <= max(0.0, miss) + 0.01
        assert abs(found.mean()) >= 0.2 * abs(miss) - 0.01

    def test_the_season_of_one_year_is_expected_again(self):
        wave = 0.4 * np.sin(np.arange(39) * 2 * np.pi / 13.04)
        refits = [Ratios(end, wave[end + 1 :], np.full(38 - end, 900.0), 5000.0) for end in (12, 18, 25)]
        found = fit_structural_model(refits, np.full(39, 900.0), 13, 28, OF_PURCHASES).mean
        expected = 0.4 * np.sin(np.arange(39, 52) * 2 * np.pi / 13.04)
        assert np.corrcoef(found, expected)[0, 1] > 0.9

    def test_the_peak_of_one_month_is_expected_again(self):
        peak = np.where(np.arange(26) % 13 == 8, 0.4, 0.0)
        refits = [Ratios(end, peak[end + 1 :], np.full(25 - end, 900.0), 5000.0) for end in range(6, 25, 2)]
        found = fit_structural_model(refits, np.full(26, 900.0), 13, 28, OF_PURCHASES).mean
        assert found[8] > 0.15
        assert found[8] > np.delete(found, [7, 8, 9]).max() + 0.1

    @pytest.mark.parametrize("weeks", [7, 12, 24])
    @pytest.mark.parametrize("miss", [0.0, -0.2])
    @pytest.mark.slow
    def test_a_closed_week_is_no_season(self, weeks, miss):
        found = after_weeks(np.append(np.full(weeks - 1, miss), miss - 1.5))
        assert miss - 0.05 < found.mean.mean() < 0.1

    def test_a_change_that_lasts_for_weeks_is_followed(self):
        assert -0.3 < after_weeks(np.full(12, -0.3)).mean.mean() < -0.05

    def test_without_refits_it_is_the_prior(self):
        found = fit_structural_model([], np.full(12, 900.0), 13, 28, OF_PURCHASES)
        assert np.abs(found.means).max() == 0.0
        assert 0.1 < np.sqrt(found.weights @ found.covariances[:, 0, 0]) < 0.6

    def test_counts_of_nothing_say_little(self):
        rising = np.linspace(0.0, 1.0, 18)
        far = [Ratios(17, rising, np.full(18, count), 5000.0) for count in (0.2, 900.0)]
        found = [
            abs(fit_structural_model([each], np.full(36, 900.0), 6, 28, OF_PURCHASES).mean.mean())
            for each in far
        ]
        assert found[0] < found[1] / 3


@pytest.mark.slow
def test_a_horizon_longer_than_half_of_the_history_is_forecast(params):
    log = read_transactions(shop(season=0.2), params.data)
    as_of = add_days(FIRST.date(), 399)
    long = load_params(flags={"horizon_days": 365, "churn.lightgbm.n_estimators": 20})
    fitted = fit_models(log, as_of, long)
    log.close()
    scores = fitted.scorer.score(fitted.features, drivers=0)
    assert (scores["horizon_days"] == 365).all()
    assert np.isfinite(scores[["clv", "clv_lower", "clv_upper"]]).all(axis=None)
    assert fitted.level.error(365).variance > 0.1**2
