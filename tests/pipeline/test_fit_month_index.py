"""Month index: seasons are detected only if present, and enter every forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from guanxi.data.transactions import read_transactions
from guanxi.evaluation.realised_performance import outcomes
from guanxi.params import load_params
from guanxi.pipeline._fit_month_index import _month_effects, fit_month_index
from guanxi.pipeline.fit import fit_models
from guanxi.served._business_time import business_days, calendar_days
from guanxi.served.scorer import Scorer
from guanxi.simulation import simulate_transactions

DAYS, HORIZON = 1280, 90
FIRST = pd.Timestamp("2021-01-01")
BG = {"r": 0.6, "alpha": 25.0, "a": 0.8, "b": 4.0}
SPEND = {"p": 4.0, "q": 4.0, "v": 20.0}
HIGH = 0.4


def shop(amplitude: float) -> pd.DataFrame:
    """Customers whose operational time runs faster on busier days: a sine with a period of one year."""
    day = np.arange(DAYS)
    busy = 1.0 + amplitude * np.sin(day * 2 * np.pi / 365)
    age = np.random.default_rng(1).uniform(0.0, DAYS - 1.0, 1200)
    table = simulate_transactions("bg_nbd", BG, SPEND, 1200, age, 1)
    end = table["timestamp"].max()
    elapsed = DAYS - 1 - (end - table["timestamp"]).dt.total_seconds() / 86400.0
    worked = np.concatenate([[0.0], np.cumsum(busy)]) * DAYS / busy.sum()
    moved = np.floor(np.interp(elapsed, worked, np.arange(DAYS + 1.0)))
    return table.assign(timestamp=FIRST + pd.to_timedelta(moved, unit="D"))


@pytest.fixture(scope="module")
def params():
    return load_params(flags={"horizon_days": HORIZON, "churn.lightgbm.n_estimators": 20})


@pytest.fixture(scope="module")
def seasonal(params):
    log = read_transactions(shop(HIGH), params.data)
    yield log
    log.close()


@pytest.fixture(scope="module")
def fitted(seasonal, params):
    return fit_models(seasonal, date(2024, 2, 15), params)


def test_the_index_follows_the_season(fitted):
    index = np.array(fitted.model.month_index)
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert np.average(index, weights=lengths) == pytest.approx(1.0, abs=1e-3)
    # The sine starts on 1 January, so spring is high and autumn low.
    assert index[2:4].mean() > 1.2
    assert index[8:10].mean() < 0.8


def test_a_season_improves_the_total(seasonal, fitted):
    came = outcomes(seasonal, fitted.as_of, HORIZON).merge(fitted.features[["customer_id"]])
    actual = came["purchases"].sum()
    flat = Scorer(replace(fitted.model, month_index=None), fitted.trees)
    with_season, without = (
        scorer.forecast(fitted.features, HORIZON)["expected_purchases"].sum()
        for scorer in (fitted.scorer, flat)
    )
    assert abs(with_season / actual - 1.0) < 0.12
    assert abs(with_season / actual - 1.0) < abs(without / actual - 1.0) / 2


def test_scores_of_another_day_follow_that_day_s_season(fitted):
    scores = {
        day: fitted.scorer.score(fitted.features, as_of=day, drivers=0)["expected_purchases"].sum()
        for day in ("2024-02-15", "2024-08-15")
    }
    assert scores["2024-02-15"] > 1.3 * scores["2024-08-15"]


def test_effects_still_add_up_to_the_probability_shown(fitted):
    day = "2024-08-15"
    effects = fitted.scorer.driver_effects(fitted.features, HORIZON, day).sum(axis=1)
    scale = fitted.scorer.churn_scale()
    log_odds = scale["slope"] * effects + scale["level"]
    shown = fitted.scorer.score(fitted.features, as_of=day, drivers=0)["churn_probability"]
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-log_odds)), shown, atol=1e-9)


def test_less_than_two_years_give_no_season(seasonal, fitted):
    early = FIRST + timedelta(days=700)
    ages = fitted.features["T"].to_numpy()
    assert fit_month_index(seasonal, early.date(), ages, fitted.scorer.purchases) is None
    assert fit_month_index(seasonal, fitted.as_of, ages, fitted.scorer.purchases) is not None


def test_a_season_repeats_between_years_and_a_trend_is_not_one():
    rng = np.random.default_rng(3)
    season, noise = np.tile(np.sin(np.arange(12) * np.pi / 6), 3), 0.05 * rng.standard_normal(36)
    trend = -0.3 * np.arange(36) / 12
    np.testing.assert_allclose(_month_effects(season + noise), season[:12], atol=0.1)
    np.testing.assert_allclose(_month_effects(season + trend + noise), season[:12], atol=0.1)
    assert _month_effects(trend + noise) is None
    assert _month_effects(np.concatenate([season[:12], -season[:12]])) is None


def test_noise_is_rarely_taken_for_a_season():
    rng = np.random.default_rng(5)
    seen = [_month_effects(0.1 * rng.standard_normal(24)) is not None for _ in range(400)]
    assert 0.02 < np.mean(seen) < 0.08


def test_calendar_days_invert_business_days():
    index = [0.5, 0.7, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.2, 1.0, 0.9, 0.8]
    for days in (1, 17, 200, 731):
        passed = business_days(index, "2024-02-20", days)
        assert calendar_days(index, "2024-02-20", [passed], 1000) == pytest.approx(days)
    assert calendar_days(index, "2024-02-20", [1e6], 1000) == np.inf
    assert calendar_days(None, "2024-02-20", [12.5], 1000) == 12.5


@pytest.mark.parametrize(
    ("day", "days", "expected"),
    [("2024-11-30", 31, 62.0), ("2024-11-29", 2, 3.0), ("2024-12-30", 2, 3.0), ("2024-11-30", 0.5, 1.0)],
)
def test_business_days_count_the_days_after(day, days, expected):
    assert business_days([1.0] * 11 + [2.0], day, days) == expected
    assert business_days(None, day, days) == days
