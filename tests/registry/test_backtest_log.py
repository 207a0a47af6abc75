"""A backtest in MLflow: a run with the means, a child run for each cutoff."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from guanxi.params import MLflowParams, load_params
from guanxi.registry.backtest_log import log_backtest
from guanxi.registry.log import TrainingRecord
from guanxi.registry.store import open_store

FIRST, SECOND = date(2024, 1, 1), date(2024, 4, 1)


def test_a_parent_with_means_and_a_child_per_cutoff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    metrics = pd.DataFrame(
        [
            (FIRST, "churn", "guanxi", "auc", 0.7),
            (FIRST, "churn", "naive", "auc", 0.1),
            (SECOND, "churn", "guanxi", "auc", 0.9),
        ],
        columns=["cutoff", "target", "model", "metric", "value"],
    )
    grades = pd.DataFrame({"cutoff": [FIRST, SECOND], "target": "churn", "grade": ["C", "A"]})
    params = load_params(None, ["horizon_days=60"], {})
    record = TrainingRecord(params, "shop/sales.csv", "d1", {}, metrics, {}, started=1_700_000_000.0)
    store = open_store(MLflowParams())
    run_id = log_backtest(store, record, grades, {"metrics": metrics})

    parent = store.client.get_run(run_id)
    assert parent.info.run_name == "backtest sales.csv 60 d, 2 cutoffs"
    assert parent.info.start_time == 1_700_000_000_000
    assert parent.data.metrics == {"churn_auc": pytest.approx(0.8), "grade_churn": 2.0}
    assert parent.data.params["horizon_days"] == "60"
    (given,) = parent.inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("shop/sales.csv", "d1")
    assert [each.path for each in store.client.list_artifacts(run_id, "backtest")] == ["backtest/metrics.csv"]
    children = store.client.search_runs(
        [store.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'", order_by=["attributes.run_name"]
    )
    assert [run.info.run_name for run in children] == ["2024-01-01", "2024-04-01"]
    assert [run.data.metrics["churn_auc"] for run in children] == [0.7, 0.9]
    assert [run.data.tags["guanxi.grade.churn"] for run in children] == ["C", "A"]
    assert {run.info.status for run in (parent, *children)} == {"FINISHED"}
