"""A program that uses MLflow itself, and calls guanxi: its MLflow is the same before and after."""

from __future__ import annotations

import copy
import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

import guanxi
from guanxi.errors import GuanxiError
from guanxi.jobs.doctor import doctor
from guanxi.jobs.explain import explain
from guanxi.jobs.predict import predict_to
from guanxi.jobs.predict_spark import predict_spark
from guanxi.jobs.promote import promote
from guanxi.jobs.reporter import Reporter
from guanxi.jobs.rollback import rollback
from guanxi.jobs.run import run
from guanxi.jobs.scorecard import scorecard
from guanxi.params import load_params
from guanxi.registry.store import _restore_settings

pytestmark = pytest.mark.slow

QUICK = ["horizon_days=60", "churn.snapshot_spacing_days=400", "churn.lightgbm.n_estimators=20"]
SAMPLE = "cdnow-sample"
# PySpark 4.0 leaves the sockets open through which rows came here.
SOCKETS = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


def labels() -> pd.DataFrame:
    number = range(200)
    return pd.DataFrame(
        {"id": [f"c{each}" for each in number], "age": [each % 50 for each in number], "left": [0, 1] * 100}
    )


CALLS = {
    "predict": lambda given: guanxi.predict(SAMPLE, params=given),
    "predict_to": lambda given: predict_to(SAMPLE, "scores.parquet", params=given),
    "explain": lambda given: explain("0004", SAMPLE, params=given),
    "monitor": lambda given: guanxi.monitor(SAMPLE, params=given),
    "promote": promote,
    "rollback": lambda given: (promote(given), rollback(given)),
    "doctor": doctor,
    "train_labels": lambda given: guanxi.train_labels(labels(), label="left", id_column="id", params=given),
    "predict fails": lambda given: guanxi.predict("no.csv", params=given),
    "train fails": lambda given: guanxi.train("no.csv", params=given),
    "rollback fails": rollback,
}
SLOW_CALLS = {
    "train": lambda given: guanxi.train(SAMPLE, params=given),
    "run": lambda given: run(SAMPLE, Path("results"), params=given),
    "backtest": lambda given: guanxi.backtest(SAMPLE, params=given),
    "scorecard": lambda given: scorecard(SAMPLE, Path("card"), given, Reporter()),
}
SPARK_CALLS = {
    "predict_spark": lambda given: predict_spark(lines_of("sample.parquet"), "scores", params=given),
    "predict_spark fails": lambda given: predict_spark("no.parquet", "scores", params=given),
}


def lines_of(path: str) -> str:
    """Write the sample where Spark reads it."""
    guanxi.datasets.load(SAMPLE).to_parquet(path)
    return path


@pytest.fixture
def theirs(copied, tmp_path_factory):
    """A program with a store, an experiment, an active run and autologging of its own."""
    import lightgbm
    import mlflow
    import sklearn.linear_model

    assert lightgbm
    assert sklearn
    from mlflow.tracking import fluent
    from mlflow.tracking._model_registry import utils as registry
    from mlflow.tracking._tracking_service import utils as tracking

    _restore_settings()  # of the fixtures, which are no public functions
    kept = tracking._tracking_uri, registry._registry_uri, fluent._active_experiment_id
    environment = dict(os.environ)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path_factory.mktemp('theirs')}/their.db")
    mlflow.set_registry_uri("sqlite:////their/registry.db")
    experiment = mlflow.set_experiment("theirs")
    mlflow.autolog(silent=True)
    with mlflow.start_run() as active:
        yield SimpleNamespace(
            mlflow=mlflow, run_id=active.info.run_id, experiment_id=experiment.experiment_id
        )
    mlflow.autolog(disable=True, silent=True)
    tracking._tracking_uri, registry._registry_uri, fluent._active_experiment_id = kept
    os.environ.clear()
    os.environ.update(environment)


def state() -> dict[str, object]:
    """Everything global that MLflow holds."""
    import mlflow
    from mlflow.tracking import fluent
    from mlflow.utils import autologging_utils

    return {
        "addresses": (mlflow.get_tracking_uri(), mlflow.get_registry_uri()),
        "experiment": fluent._active_experiment_id,
        "runs": [each.info.run_id for each in fluent._active_run_stack.get()],
        "last run": mlflow.last_active_run().info.run_id,
        "last model": fluent._last_logged_model_id.get(),
        "autologging": copy.deepcopy(autologging_utils.AUTOLOGGING_INTEGRATIONS),
        "autologging is off": autologging_utils._AUTOLOGGING_GLOBALLY_DISABLED,
        "environment": {name: value for name, value in os.environ.items() if "MLFLOW_" in name},
        "levels": [logging.getLogger(name).level for name in ("mlflow", "alembic")],
        "folder": Path.cwd(),
    }


@pytest.mark.parametrize(
    "name",
    [
        *CALLS,
        *(pytest.param(each, marks=pytest.mark.slow) for each in SLOW_CALLS),
        *(pytest.param(each, marks=[pytest.mark.slow, pytest.mark.spark, SOCKETS]) for each in SPARK_CALLS),
    ],
)
def test_every_public_function_leaves_mlflow_as_it_was(theirs, copied, name):
    given = load_params(None, [*QUICK, f"mlflow.tracking_uri={copied.uri}"])
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    before = state()
    try:
        (CALLS | SLOW_CALLS | SPARK_CALLS)[name](given)
    except GuanxiError:
        assert name.endswith("fails")
    else:
        assert not name.endswith("fails")
    assert state() == before
    client = theirs.mlflow.MlflowClient()
    found = [run.info.run_id for run in client.search_runs([theirs.experiment_id])]
    assert found == [theirs.run_id]
    assert not client.get_run(theirs.run_id).data.params
    assert not client.search_logged_models([theirs.experiment_id])
    assert client.get_run(theirs.run_id).info.status == "RUNNING"
    with theirs.mlflow.start_run(nested=True) as after:
        assert after.info.experiment_id == theirs.experiment_id


def latest(store):
    return store.client.search_runs([store.experiment_id], max_results=1)[0]


def test_a_run_is_nested_in_an_active_one_of_the_same_store(theirs, copied):
    mlflow = theirs.mlflow
    given = load_params(None, [f"mlflow.tracking_uri={copied.uri}"])
    mlflow.end_run()
    mlflow.set_tracking_uri(copied.uri)
    mlflow.set_experiment("of this store")
    with mlflow.start_run() as active:
        guanxi.monitor(SAMPLE, params=given)
        assert mlflow.active_run().info.run_id == active.info.run_id
    assert latest(copied).data.tags["mlflow.parentRunId"] == active.info.run_id
    guanxi.monitor(SAMPLE, params=given)
    assert "mlflow.parentRunId" not in latest(copied).data.tags


def test_a_run_stays_apart_from_an_active_one_of_another_store(theirs, copied):
    guanxi.monitor(SAMPLE, params=load_params(None, [f"mlflow.tracking_uri={copied.uri}"]))
    assert "mlflow.parentRunId" not in latest(copied).data.tags


def test_the_address_in_the_environment_comes_after_all_that_is_given(copied, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    with pytest.raises(GuanxiError, match="there is no MLflow store in"):
        guanxi.predict(SAMPLE)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", copied.uri)
    assert len(guanxi.predict(SAMPLE)) == 2357
    assert list(Path().iterdir()) == []
    with pytest.raises(GuanxiError, match="there is no MLflow store in /elsewhere"):
        guanxi.predict(
            SAMPLE, params=load_params(None, ["mlflow.tracking_uri=sqlite:////elsewhere/mlflow.db"])
        )
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(GuanxiError, match="check MLFLOW_TRACKING_URI and that it runs"):
        guanxi.predict(SAMPLE)
