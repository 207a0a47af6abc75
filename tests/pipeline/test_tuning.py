"""Tuning: reproducible, on earlier windows only, and accepted only if clearly better."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from guanxi.data import datasets
from guanxi.data.transactions import read_transactions
from guanxi.errors import ParamsError
from guanxi.params import MLflowParams, TuningParams, load_params, override
from guanxi.pipeline.correction import ALONE, BLEND
from guanxi.pipeline.fit import fit_models
from guanxi.pipeline.tuning import TUNED, _spent, choice
from guanxi.served.model import to_json

pytestmark = pytest.mark.slow

# Trees that overfit: nearly any other settings are better.
POOR = {
    "learning_rate": 1.0,
    "num_leaves": 127,
    "min_child_samples": 2,
    "colsample_bytree": 1.0,
    "reg_lambda": 0.0,
}
TARGETS = ("churn", "purchases", "spend")
TRIALS = 3


def given(settings) -> dict[str, object]:
    return {f"churn.lightgbm.{name}": value for name, value in settings.items()}


def learnt(fitted) -> str:
    return json.dumps([to_json(fitted.model), fitted.trees], sort_keys=True)


def untimed(fitted) -> pd.DataFrame:
    return fitted.tuning.drop(columns="seconds")


def days_before(losses, day) -> list[int]:
    return [(day - cutoff).days for cutoff in losses["cutoff"]]


@pytest.fixture(scope="module")
def day(sample_log):
    return sample_log.last_day - timedelta(days=60)


@pytest.fixture(scope="module")
def params(quick_params):
    return override(quick_params, {"churn.tuning.trials": TRIALS, **given(POOR)})


@pytest.fixture(scope="module")
def tuned(sample_log, day, params):
    return fit_models(sample_log, day, params)


class TestTrials:
    def test_the_requested_number_plus_the_given_settings(self, tuned):
        assert list(tuned.tuning["trial"]) == list(range(TRIALS + 1))
        assert dict(tuned.tuning.loc[0, list(POOR)]) == POOR
        assert (tuned.tuning["seconds"] > 0).all()

    def test_the_first_trial_matches_the_comparison_of_contenders(self, sample_log, params):
        # Two windows are compared; without time for further trials the given settings are kept.
        two = {"churn.snapshot_spacing_days": 200, "churn.tuning.seconds": 1e-9}
        fitted = fit_models(sample_log, sample_log.last_day, override(params, two))
        assert list(fitted.tuning["chosen"]) == [True]
        for target in ("churn", "purchases"):
            losses = fitted.corrections[target].losses
            age = np.subtract.outer(fitted.features["T"].to_numpy(), days_before(losses, sample_log.last_day))
            known = (age >= 0).sum(axis=0)  # each customer counts once in each window
            blend, alone = (
                np.average(losses["loss"], weights=known * (losses["model"] == name))
                for name in (BLEND, ALONE)
            )
            assert losses["cutoff"].nunique() == 2
            assert fitted.tuning.loc[0, target] == pytest.approx(blend / alone, rel=1e-12)

    def test_the_loss_is_the_mean_over_targets_and_the_gain_its_fall(self, tuned):
        table = tuned.tuning
        np.testing.assert_allclose(table["loss"], table[list(TARGETS)].mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(table["gain"], table.loc[0, "loss"] - table["loss"], atol=1e-12)
        assert (table["error"][1:] > 0).all()

    @pytest.mark.slow
    def test_only_targets_with_trees_are_tuned(self, sample_log, day, params):
        fitted = fit_models(sample_log, day, override(params, {"clv.spend": "mean"}))
        assert "spend" not in fitted.tuning
        np.testing.assert_allclose(fitted.tuning["loss"], fitted.tuning[["churn", "purchases"]].mean(axis=1))


class TestChoice:
    def test_poor_settings_are_replaced(self, tuned):
        (chosen,) = np.flatnonzero(tuned.tuning["chosen"])
        assert chosen == tuned.tuning["loss"].idxmin() > 0
        assert tuned.tuning.loc[chosen, "gain"] > tuned.tuning.loc[chosen, "error"]

    @pytest.mark.slow
    def test_chosen_settings_given_explicitly_give_the_same_model(self, sample_log, day, params, tuned):
        row = tuned.tuning[tuned.tuning["chosen"]].to_dict("records")[0]
        by_hand = given({name: row[name] for name in TUNED}) | {"churn.tuning.trials": 0}
        again = fit_models(sample_log, day, override(params, by_hand))
        assert again.tuning is None
        assert learnt(again) == learnt(tuned)

    def test_a_gain_within_two_standard_errors_changes_nothing(self):
        trials = pd.DataFrame(
            {"loss": [0.95, 0.96, 0.94], "gain": [0, -0.01, 0.01], "error": [0, 0.02, 0.005]}
        )
        assert choice(trials)[0] == 0
        assert choice(trials.assign(error=[0, 0.02, 0.0049]))[0] == 2

    def test_the_given_settings_are_kept_if_they_are_best(self):
        trials = pd.DataFrame({"loss": [0.95, 0.96], "gain": [0.0, -0.01], "error": [0.0, 0.001]})
        assert choice(trials) == (0, "the given settings: none of 1 other trials was better")


@pytest.mark.slow
class TestSeed:
    def test_same_seed_same_trials_and_models(self, sample_log, day, params, tuned):
        again = fit_models(sample_log, day, params)
        pd.testing.assert_frame_equal(untimed(again), untimed(tuned), check_exact=True)
        assert learnt(again) == learnt(tuned)

    def test_another_seed_tries_other_settings(self, sample_log, day, params, tuned):
        other = fit_models(sample_log, day, override(params, {"seed": 5}))
        assert not set(other.tuning["learning_rate"][1:]) & set(tuned.tuning["learning_rate"][1:])

    def test_more_trials_start_with_the_same_ones(self, sample_log, day, params, tuned):
        fewer = fit_models(sample_log, day, override(params, {"churn.tuning.trials": TRIALS - 1}))
        expected = untimed(tuned).drop(columns="chosen")[:TRIALS]
        pd.testing.assert_frame_equal(untimed(fewer).drop(columns="chosen"), expected, check_exact=True)


@pytest.mark.slow
def test_no_data_after_the_training_day_are_used(day, params, tuned):
    lines = datasets.load("cdnow-sample")
    later = lines["timestamp"].dt.date > day
    changed = lines[~later | (np.arange(len(lines)) % 2 > 0)].copy()
    changed.loc[changed["timestamp"].dt.date > day, "amount"] = 999.0
    log = read_transactions(changed)
    other = fit_models(log, day, params)
    log.close()
    pd.testing.assert_frame_equal(untimed(other), untimed(tuned), check_exact=True)


class TestBudget:
    def test_none_by_default(self, served):
        assert served.tuning is None

    @pytest.mark.parametrize(
        ("trials", "seconds", "tried", "passed", "spent"),
        [
            (3, None, 2, 1e9, False),
            (3, None, 3, 0.0, True),
            (0, 10.0, 99, 9.9, False),
            (0, 10.0, 0, 10.0, True),
            (3, 10.0, 3, 1.0, True),
            (3, 10.0, 1, 10.0, True),
            (3, 10.0, 2, 9.9, False),
        ],
    )
    def test_ends_at_the_first_limit_reached(self, trials, seconds, tried, passed, spent):
        assert _spent(TuningParams(trials=trials, seconds=seconds), tried, passed) is spent

    def test_history_without_an_earlier_window_is_not_tuned(self, sample_log, params):
        fitted = fit_models(sample_log, sample_log.first_day + timedelta(days=20), params)
        assert fitted.plan is None
        assert fitted.tuning is None

    @pytest.mark.parametrize("wrong", ["trials=-1", "trials=2.5", "seconds=0", "minutes=1"])
    def test_invalid_budgets_are_errors(self, wrong):
        with pytest.raises(ParamsError, match=rf"churn\.tuning\.{wrong.partition('=')[0]}"):
            load_params(overrides=[f"churn.tuning.{wrong}"])


@pytest.mark.slow
def test_trials_are_logged_as_nested_runs(tuned, params, tmp_path, monkeypatch):
    from guanxi.registry.log import TrainingRecord, log_training
    from guanxi.registry.store import open_store

    monkeypatch.chdir(tmp_path)
    store = open_store(MLflowParams())
    run_id, _ = log_training(store, tuned, tuned, TrainingRecord(params, "sample", "digest", {}, None, {}))
    found = store.client.search_runs([store.experiment_id], f"tags.mlflow.parentRunId = '{run_id}'")
    trials = {run.info.run_name: run.data for run in found if run.info.run_name.startswith("tuning")}
    assert set(trials) == {f"tuning {number}" for number in range(TRIALS + 1)}
    for row in tuned.tuning.to_dict("records"):
        data = trials[f"tuning {row['trial']}"]
        assert {name: float(value) for name, value in data.params.items()} == {n: row[n] for n in TUNED}
        assert data.metrics == {n: row[n] for n in (*TARGETS, "loss", "gain", "error", "seconds")}
        assert data.tags["guanxi.tuning.chosen"] == str(row["chosen"]).lower()
    for name in ("trials", "twin_trials"):
        path = store.client.download_artifacts(run_id, f"tuning/{name}.csv", str(tmp_path))
        pd.testing.assert_frame_equal(pd.read_csv(path), tuned.tuning)
    assert store.client.get_run(run_id).data.tags["guanxi.tuning"].startswith("the settings of trial")
