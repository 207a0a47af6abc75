"""Whatever the moment at which a command is killed, the files of a run are all of one version."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from guanxi.data.sinks.file_sets import finish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]
KILLS = int(os.environ.get("GUANXI_KILLS", "30"))
RUN = ("run", "cdnow-sample", "--horizon", "60")
QUICK = ("--set", "churn.snapshot_spacing_days=400", "--set", "churn.lightgbm.n_estimators=20")
# The moments at which files are replaced are few milliseconds: every other run is killed in its last steps.
AT_THE_END = re.compile("score every customer|compare version")


def versions(output: Path) -> dict[str, str]:
    """The version that each file names."""
    page = (output / "report.html").read_text("utf-8")
    rejected = pq.read_schema(output / "rejected.parquet").metadata or {}
    return {
        "predictions": str(pd.read_parquet(output / "predictions.parquet")["model_version"].unique().item()),
        "metrics": json.loads((output / "metrics.json").read_text("utf-8"))["model_version"],
        "page": re.search(r"<dt>[Mm]odel version</dt><dd><bdi>(.*?)</bdi>", page)[1],
        "rejected": rejected[b"model_version"].decode(),
    }


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-c", "from guanxi.cli import main; main()", *arguments]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def test_killed_at_random_moments(tmp_path):
    moments, torn, killed, seconds = random.Random(1), 0, 0, {}
    for command in (RUN, RUN, ("promote",), ("rollback",)):
        begin = time.monotonic()
        arguments = (*command, *QUICK) if command is RUN else command
        start(tmp_path, *arguments).communicate()
        seconds[command[0]] = time.monotonic() - begin
    output = tmp_path / "output"
    assert len(set(versions(output).values())) == 1
    while killed < KILLS:
        command = (RUN, RUN, RUN, ("promote",), ("rollback",))[killed % 5]
        with start(tmp_path, *command, *(QUICK if command is RUN else ())) as process:
            if command is RUN and killed % 2:
                while process.poll() is None and not AT_THE_END.search(process.stderr.readline()):
                    pass
                wait = moments.uniform(0, 3)
            else:
                wait = moments.uniform(0, seconds[command[0]])
            try:
                process.wait(wait)
            except subprocess.TimeoutExpired:
                process.kill()
                killed += 1
        torn += finish(output)  # what the next run does first
        found = versions(output)
        assert len(set(found.values())) == 1, found
    print(f"\n{killed} kills, {torn} of them between two files; all of one version {killed} of {killed}")
    process = start(tmp_path, *RUN, *QUICK)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert len(set(versions(output).values())) == 1
    assert sorted(path.name for path in output.iterdir()) == [
        "metrics.json",
        "predictions.parquet",
        "rejected.parquet",
        "report.html",
    ]


def test_two_runs_into_one_folder(tmp_path):
    first = start(tmp_path, *RUN, *QUICK)
    while not (tmp_path / "output" / ".guanxi-files.lock").exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = start(tmp_path, *RUN, *QUICK)
    _, err = second.communicate()
    assert second.returncode == 1
    assert err.rstrip().endswith(
        "guanxi: output: another guanxi command writes it now: wait for its end, or choose another output"
    )
    _, err = first.communicate()
    assert first.returncode == 0, err
    assert set(versions(tmp_path / "output").values()) == {"1"}
