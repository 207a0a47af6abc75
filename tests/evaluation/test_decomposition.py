"""Parts of a loss: they add up, none is negative, and each answers to its own kind of error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, logit

from guanxi.evaluation.decomposition import PARTS, _decompose, _leveled
from guanxi.evaluation.metrics import SPEND, log_loss, poisson_deviance

MEASURES = {
    "log_loss": log_loss,
    "poisson_deviance": poisson_deviance,
    "tweedie_deviance": SPEND["tweedie_deviance"],
}


@st.composite
def forecasts(draw):
    """Loss, outcomes and forecasts of the kind that it measures."""
    loss, n = draw(st.sampled_from(list(MEASURES))), draw(st.integers(2, 40))
    chance = st.floats(0.001, 0.999)
    if loss == "log_loss":
        return (
            loss,
            draw(arrays(float, n, elements=st.sampled_from([0.0, 1.0]))),
            draw(arrays(float, n, elements=chance)),
        )
    actual = draw(arrays(float, n, elements=st.sampled_from([0.0, 0.0, 1.0, 2.0, 7.0])))
    return loss, actual, draw(arrays(float, n, elements=st.floats(0.01, 50)))


@settings(max_examples=150, deadline=None)
@given(given_=forecasts())
@example(given_=("log_loss", np.zeros(3), np.array([0.5, 0.999, 0.999])))
def test_parts_add_up_and_none_is_negative(given_):
    loss, actual, forecast = given_
    parts = _decompose(*given_)
    whole = parts["level"] + parts["shape"] - parts["discrimination"] + parts["uncertainty"]
    assert whole == pytest.approx(MEASURES[loss](actual, forecast), abs=1e-9)
    assert min(parts.values()) > -1e-9


@settings(max_examples=100, deadline=None)
@given(given_=forecasts())
def test_nothing_is_left_of_the_level_after_recalibration(given_):
    loss, actual, _ = given_
    leveled = _leveled(*given_)
    before, after = _decompose(*given_), _decompose(loss, actual, leveled)
    assert after["level"] == pytest.approx(0.0, abs=1e-9)
    assert after["uncertainty"] == before["uncertainty"]


@pytest.mark.parametrize("loss", MEASURES)
class TestErrors:
    """Each kind of error, on outcomes whose true means are known."""

    @pytest.fixture
    def world(self, loss):
        generator = np.random.default_rng(4)
        mean = generator.gamma(1.0, 2.0, 20_000) + 0.05
        if loss == "log_loss":
            chance = expit(generator.normal(size=20_000))
            return (
                (generator.random(20_000) < chance).astype(float),
                chance,
                lambda p, by: expit(logit(p) + np.log(by)),
            )
        counts = generator.poisson(mean)
        amounts = counts if loss == "poisson_deviance" else generator.gamma(np.maximum(3.0 * counts, 1e-9))
        scale = 1.0 if loss == "poisson_deviance" else 3.0
        return np.where(counts > 0, amounts, 0.0), scale * mean, lambda m, by: by * m

    def test_truth_has_no_miscalibration_to_speak_of(self, loss, world):
        actual, mean, _ = world
        parts = _decompose(loss, actual, mean)
        assert parts["level"] < 0.001 * parts["uncertainty"]
        assert parts["shape"] < 0.01 * parts["uncertainty"]
        assert parts["discrimination"] > 0.1 * parts["uncertainty"]

    def test_a_wrong_level_moves_the_level_only(self, loss, world):
        actual, mean, move = world
        right, wrong = _decompose(loss, actual, mean), _decompose(loss, actual, move(mean, 1.5))
        assert wrong["level"] > 10 * max(right["level"], 1e-4 * right["uncertainty"])
        for part in ("shape", "discrimination", "uncertainty"):
            assert wrong[part] == pytest.approx(right[part], rel=1e-6, abs=1e-6 * right["uncertainty"])

    def test_a_flat_forecast_discriminates_nothing(self, loss, world):
        actual, mean, _ = world
        flat = _decompose(loss, actual, np.full(len(mean), mean.mean()))
        assert flat["discrimination"] == pytest.approx(0.0, abs=1e-12)

    def test_forecasts_too_far_apart_move_the_shape(self, loss, world):
        actual, mean, _ = world
        centre = mean.mean()
        extreme = expit(2.0 * logit(mean)) if loss == "log_loss" else mean**1.7 * centre / (mean**1.7).mean()
        right, wrong = _decompose(loss, actual, mean), _decompose(loss, actual, extreme)
        assert wrong["shape"] > 3 * right["shape"]
        assert wrong["discrimination"] == pytest.approx(right["discrimination"], rel=1e-6)

    def test_noise_in_the_ranking_costs_discrimination(self, loss, world):
        actual, mean, _ = world
        other = np.random.default_rng(8).permutation(mean)
        mixed = _decompose(loss, actual, np.where(np.arange(len(mean)) % 2, mean, other))
        assert mixed["discrimination"] < 0.6 * _decompose(loss, actual, mean)["discrimination"]


def test_equal_outcomes_are_all_level():
    parts = _decompose("log_loss", [0, 0, 0], [0.2, 0.4, 0.4])
    assert parts["level"] == pytest.approx(log_loss([0, 0, 0], [0.2, 0.4, 0.4]))
    assert [round(parts[name], 9) for name in PARTS[1:]] == [0.0, 0.0, 0.0]
