"""Several processes on one store: trainings, promotions, and promotions that are killed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from guanxi.params import MLflowParams
from guanxi.registry.aliases import read_aliases
from guanxi.registry.loaded_model import load_model
from guanxi.registry.store import open_store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
QUICK = (
    "--horizon",
    "60",
    "--set",
    "churn.snapshot_spacing_days=400",
    "--set",
    "churn.lightgbm.n_estimators=20",
)
KILLS = 12
# Each request tells that it begins and takes longer than on a local store, where all moves take milliseconds:
# the moment of a kill is one of the moves on every machine, however busy.
REQUESTS, SECONDS_OF_A_REQUEST = 8, 0.05
PROMOTE_SLOWLY = f"""
import itertools, sys, time
from mlflow import MlflowClient
from guanxi import cli

numbers = itertools.count(1)

def slowly(request):
    def send(*given, **more):
        print("request", next(numbers), file=sys.stderr, flush=True)
        time.sleep({SECONDS_OF_A_REQUEST})
        return request(*given, **more)
    return send

for name in ("set_registered_model_alias", "set_registered_model_tag", "set_model_version_tag"):
    setattr(MlflowClient, name, slowly(getattr(MlflowClient, name)))
sys.argv = ["guanxi", "promote"]
cli.main()
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the installed command."""
    return start_program(folder, str(Path(sys.executable).with_name("guanxi")), *arguments)


def start_program(folder: Path, *command: str) -> subprocess.Popen[str]:
    """Start a program without the addresses that MLflow leaves in this environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["MLFLOW_DISABLE_TELEMETRY"] = "true"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What each said, all of them with exit code 0."""
    said = [process.communicate(timeout=2400) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [err for _, err in said]
    for _, err in said:
        assert "locked" not in err
        assert "Traceback" not in err
    return [out for out, _ in said]


def check_trainings(store, outputs: list[str]) -> None:
    """See that each training has its run, its version and its twin, and that one is champion."""
    number = len(outputs)
    versions = store.client.search_model_versions("name = 'guanxi'")
    assert sorted(int(each.version) for each in versions) == list(range(1, number + 1))
    assert len({each.run_id for each in versions}) == number
    assert {each.tags["guanxi.smoke_test"] for each in versions} == {"passed"}
    runs = [store.client.get_run(each.run_id) for each in versions]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        assert {"churn_auc", "purchases_mae", "spend_mae"} <= set(run.data.metrics)
        assert "guanxi.twin" in run.data.tags
        files = {item.path for item in store.client.list_artifacts(run.info.run_id, "holdout")}
        assert "holdout/customers-60.parquet" in files
    champions = [each.version for each in versions if each.tags["guanxi.status"] == "champion"]
    assert [str(each) for each in champions] == [read_aliases(store)["champion"]]
    assert sum("as the first, champion" in out for out in outputs) == 1
    assert load_model("models:/guanxi@champion", store).version == read_aliases(store)["champion"]


def test_twelve_trainings_on_one_fresh_store(tmp_path, monkeypatch):
    outputs = ended([start(tmp_path, "train", "cdnow-sample", *QUICK) for _ in range(12)])
    monkeypatch.chdir(tmp_path)
    check_trainings(open_store(MLflowParams(), create=False), outputs)


def test_four_trainings_against_one_server(tmp_path, mlflow_server):
    server, work = tmp_path / "server", tmp_path / "work"
    server.mkdir()
    work.mkdir()
    with mlflow_server(server) as (address, _):
        given = ("train", "cdnow-sample", *QUICK, "--tracking-uri", address)
        outputs = ended([start(work, *given) for _ in range(4)])
        store = open_store(MLflowParams(tracking_uri=address), create=False)
        check_trainings(store, outputs)
        assert store.client.get_experiment_by_name("guanxi").artifact_location.startswith("mlflow-artifacts:")
    assert list(work.iterdir()) == []


def test_two_promotions_at_once(copied, tmp_path):
    both = [start(tmp_path, "promote") for _ in range(2)]
    said = [process.communicate(timeout=600) for process in both]
    codes = [process.returncode for process in both]
    assert 0 in codes
    for code, (out, err) in zip(codes, said, strict=True):
        assert code == 0 or "moved in the meantime" in err, (out, err)
    assert read_aliases(copied) == {"candidate": "2", "champion": "2", "previous": "1"}


def test_promotions_killed_at_any_moment(copy_store, versions, tmp_path, monkeypatch):
    moments, left = random.Random(0), []
    for number in range(KILLS):
        folder = tmp_path / str(number)
        copy_store(versions, folder)
        monkeypatch.chdir(folder)
        store = open_store(MLflowParams())
        store.client.set_registered_model_alias("guanxi", "candidate", "2")
        with start_program(folder, sys.executable, "-c", PROMOTE_SLOWLY) as process:
            last = f"request {moments.randint(1, REQUESTS)}\n"
            while process.poll() is None and process.stderr.readline() != last:
                pass
            try:
                process.wait(moments.uniform(0, 2 * SECONDS_OF_A_REQUEST))
            except subprocess.TimeoutExpired:
                process.kill()
        found = read_aliases(store)
        left.append((found["champion"], found.get("previous")))
        assert left[-1] in {("1", None), ("1", "1"), ("2", "1")}
        assert load_model("models:/guanxi@champion", store).version == found["champion"]
        ended([start(folder, "promote")])
        assert read_aliases(store) == {"candidate": "2", "champion": "2", "previous": "1"}
    print(f"champion and previous when killed: {sorted(left, key=str)}")
    assert len(set(left)) > 1
