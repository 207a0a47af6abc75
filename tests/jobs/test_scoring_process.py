"""Scoring in a process of its own: the same numbers, and a clear word when it ends."""

from __future__ import annotations

import pandas as pd
import pytest

from guanxi.errors import EngineError
from guanxi.features.snapshots import features_at
from guanxi.jobs import _scoring
from guanxi.jobs._scoring import ScoringProcess, scored, scorers, side_by_side
from guanxi.registry.loaded_model import load_model

SETTINGS = {"as_of": "1998-06-30", "horizon_days": None, "drivers": 2}


@pytest.fixture(scope="module")
def loaded(first_run):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(first_run.folder)
        return load_model(str(first_run.folder / "models" / "guanxi"))


@pytest.fixture(scope="module")
def features(sample_log, loaded):
    return features_at(sample_log, sample_log.last_day, loaded.window_days)


@pytest.mark.slow
def test_another_process_gives_the_same_table(loaded, features, monkeypatch):
    monkeypatch.setattr(_scoring, "_CUSTOMERS_EACH", 1000)
    monkeypatch.setattr(_scoring.os, "cpu_count", lambda: 2)
    pieces = [features.iloc[first : first + 500] for first in range(0, len(features), 500)]
    with scorers(loaded, SETTINGS, len(features)) as at_work:
        assert len(at_work) == 2
        other = pd.concat([at_work[1](piece) for piece in pieces[:2]])
        both = pd.concat(side_by_side(at_work, iter(pieces)), ignore_index=True)
    whole = scored(loaded, features, SETTINGS)
    pd.testing.assert_frame_equal(both, whole, check_dtype=False)
    pd.testing.assert_frame_equal(other.reset_index(drop=True), whole.head(1000), check_dtype=False)


def test_few_customers_start_no_process(loaded):
    with scorers(loaded, SETTINGS, 100_000) as at_work:
        assert len(at_work) == 1


@pytest.mark.slow
def test_a_process_that_cannot_go_on_says_why(tmp_path, features):
    process = ScoringProcess(tmp_path, SETTINGS)
    with pytest.raises(EngineError, match=r"a scoring process ended: .*cannot load model"):
        process(features.head(2))
    process.close()


def test_a_killed_process_is_told(loaded, features):
    process = ScoringProcess(loaded.folder, SETTINGS)
    process(features.head(2))
    process._process.kill()
    with pytest.raises(EngineError, match="a scoring process ended: exit code -9"):
        process(features.head(2))
    process.close()
