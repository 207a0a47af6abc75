"""``mlflow run . --env-manager local``: the entry points of MLproject."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from guanxi import cli

ROOT = Path(__file__).parents[2]
PROJECT = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", PROJECT["entry_points"])
def test_entry_points_name_commands_and_options_that_are_there(name):
    entry = PROJECT["entry_points"][name]
    program, command, *rest = shlex.split(entry["command"])
    assert (program, command) == ("guanxi", {"main": "run"}.get(name, name))
    helped = CliRunner().invoke(cli.app, [command, "--help"])
    assert helped.exit_code == 0
    for option in (word for word in rest if word.startswith("--")):
        assert re.search(rf"{option}\b", helped.stdout), option
    assert set(re.findall(r"{(\w+)}", entry["command"])) == set(entry["parameters"])


@pytest.mark.slow
def test_runs_trains_and_predicts(tmp_path):
    """The whole project in an empty folder, with quick settings."""
    shutil.copy(ROOT / "MLproject", tmp_path)
    text = (ROOT / "params.yaml").read_text(encoding="utf-8").replace("horizon_days: 90", "horizon_days: 60")
    quick = re.sub(r"(snapshot_spacing_days:) \S+", r"\1 400", text)
    (tmp_path / "params.yaml").write_text(quick, encoding="utf-8")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    settings = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [Path(sys.executable).with_name("mlflow"), "run", ".", "--env-manager", "local", *arguments],
            cwd=tmp_path,
            env=outside | settings | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    run("-P", "source=cdnow-sample")
    run("-e", "train", "-P", "source=cdnow-sample")
    run("-e", "predict", "-P", "source=cdnow-sample", "-P", "model=models:/guanxi/2")
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    assert len(scores) == 2357
    assert set(scores["model_version"]) == {"2"}
    assert (tmp_path / "output" / "report.html").exists()
    assert (tmp_path / "mlflow.db").exists(), "not where mlflow run itself logs"
