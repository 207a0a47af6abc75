"""Growing of trees: reproducibility, offset, early stopping, and few rows."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pytest
from scipy.special import expit

from guanxi.errors import FitError
from guanxi.models.boosting import Rows, grow, grow_in_parallel

SETTINGS = {
    "n_estimators": 1000,
    "early_stopping_rounds": 10,
    "learning_rate": 0.1,
    "num_leaves": 5,
    "min_child_samples": 300,
    "colsample_bytree": 0.5,
    "reg_lambda": 1.0,
}


def table(n: int, seed: int, features: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Features, and log odds or log means that depend on the first two."""
    X = np.random.default_rng(seed).normal(size=(n, features))
    return X, 0.8 * X[:, 0] + np.where(X[:, 1] > 0, 0.7, -0.7)


def binary(n: int, seed: int, **more) -> Rows:
    X, score = table(n, seed)
    y = (np.random.default_rng(seed + 100).random(n) < expit(score)).astype(float)
    return Rows(X, y, **more)


def log_loss(y, score) -> float:
    return float(np.mean(np.logaddexp(0.0, score) - y * score))


class TestSeed:
    def test_same_seed_same_bytes(self):
        one, two = (grow(binary(2000, 0), "binary", SETTINGS, 20, 3).model_to_string() for _ in range(2))
        assert one == two

    def test_another_seed_samples_other_columns(self):
        one, two = (grow(binary(2000, 0), "binary", SETTINGS, 20, seed).model_to_string() for seed in (3, 4))
        assert one != two


class TestParallel:
    def growers(self, *seeds, rounds=20, rows=2000):
        return [partial(grow, binary(rows, 0), "binary", SETTINGS, rounds, seed) for seed in seeds]

    @pytest.mark.parametrize("rows", [2000, 10**6])
    def test_the_same_bytes_as_one_after_the_other(self, rows):
        grown = grow_in_parallel(self.growers(1, 2, 3), rows)
        alone = [grower() for grower in self.growers(1, 2, 3)]
        assert [each.model_to_string() for each in grown] == [each.model_to_string() for each in alone]

    def test_none_is_none(self):
        assert grow_in_parallel([], 0) == []

    def test_an_error_ends_the_others(self):
        def fails(cancelled):
            raise FitError("no trees")

        endless = self.growers(1, rounds=10**6, rows=20_000)
        begin = time.monotonic()
        with pytest.raises(FitError, match="no trees"):
            grow_in_parallel([fails, *endless], 2000)
        assert time.monotonic() - begin < 60


class TestOffset:
    def test_a_perfect_offset_leaves_almost_nothing_to_learn(self):
        X, score = table(4000, 1)
        y = binary(4000, 1).y
        grown = {
            name: grow(Rows(X, y, offset), "binary", SETTINGS, 60, 0).predict(X, raw_score=True)
            for name, offset in (("nothing", None), ("everything", score))
        }
        assert np.std(grown["everything"]) < 0.5 * np.std(grown["nothing"])

    def test_trees_learn_what_the_offset_misses(self):
        rows = binary(4000, 2, offset=0.8 * table(4000, 2)[0][:, 0])
        fresh, truth = table(4000, 3)
        said = grow(rows, "binary", SETTINGS, 60, 0).predict(fresh, raw_score=True)
        missed = truth - 0.8 * fresh[:, 0]
        assert np.corrcoef(said, missed)[0, 1] > 0.9
        assert abs(np.mean(said) - np.mean(missed)) < 0.15

    @pytest.mark.parametrize("objective", ["poisson", "gamma"])
    def test_is_on_the_scale_of_a_logarithm(self, objective):
        X, log_mean = table(4000, 4)
        generator = np.random.default_rng(5)
        y = (generator.poisson if objective == "poisson" else generator.standard_exponential)(
            *([np.exp(log_mean)] if objective == "poisson" else [4000])
        )
        y = y.astype(float) * (1.0 if objective == "poisson" else np.exp(log_mean))
        # The offset is too low by log 3 everywhere, which the trees must add.
        said = grow(Rows(X, y, log_mean - np.log(3.0)), objective, SETTINGS, 100, 0).predict(
            X, raw_score=True
        )
        assert np.mean(said) == pytest.approx(np.log(3.0), abs=0.12)


class TestStopping:
    def test_stops_when_the_later_rows_no_longer_improve(self):
        rows, later = binary(3000, 6), binary(3000, 7)
        grown = grow(rows, "binary", SETTINGS, 1000, 0, later=later)
        assert 1 <= grown.best_iteration < 500
        losses = [
            log_loss(later.y, grown.predict(later.X, raw_score=True, num_iteration=rounds))
            for rounds in (1, grown.best_iteration, grown.num_trees())
        ]
        assert losses[1] <= min(losses)

    def test_contradicting_later_rows_stop_at_once(self):
        rows, later = binary(3000, 6), binary(3000, 7)
        opposite = Rows(later.X, 1.0 - later.y)
        assert grow(rows, "binary", SETTINGS, 1000, 0, later=opposite).best_iteration <= 2

    def test_later_rows_start_from_their_own_offset(self):
        rows, later = binary(3000, 8, offset=table(3000, 8)[1]), binary(3000, 9, offset=table(3000, 9)[1])
        assert grow(rows, "binary", SETTINGS, 1000, 0, later=later).best_iteration < 30

    def test_without_later_rows_all_rounds_are_grown(self):
        assert grow(binary(2000, 0), "binary", SETTINGS, 17, 0).num_trees() == 17


def test_few_rows_still_have_leaves():
    """300 rows per leaf are requested; with 100 rows a twentieth suffices."""
    rows = binary(100, 10)
    grown = grow(rows, "binary", SETTINGS, 30, 0)
    assert np.std(grown.predict(rows.X, raw_score=True)) > 0.1
    fewer = grow(rows, "binary", SETTINGS | {"min_child_samples": 5}, 30, 0)
    np.testing.assert_array_equal(grown.predict(rows.X), fewer.predict(rows.X))
    fewest = grow(rows, "binary", SETTINGS | {"min_child_samples": 1}, 30, 0)
    assert not np.array_equal(grown.predict(rows.X), fewest.predict(rows.X))


def test_a_weight_counts_as_that_many_rows():
    """For a constant, weights 3 and 1 give the mean of three rows and one."""
    X = np.zeros((400, 2))
    y = np.repeat([1.0, 0.0], 200)
    weight = np.where(y > 0, 3.0, 1.0)
    said = grow(Rows(X, y, weight=weight), "binary", SETTINGS, 5, 0).predict(X[:1], raw_score=True)
    assert expit(said[0]) == pytest.approx(0.75)


def test_missing_values_are_a_value():
    X = np.where(np.random.default_rng(0).random((2000, 1)) < 0.5, np.nan, 1.0)
    y = np.isnan(X[:, 0]).astype(float)
    said = grow(Rows(X, y), "binary", SETTINGS, 50, 0).predict([[np.nan], [1.0]], raw_score=True)
    assert said[0] > 1.0 > -1.0 > said[1]
