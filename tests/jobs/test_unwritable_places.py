"""Folders that can only be read, and disks that are full: one line, and what was there stays."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
QUICK = (
    "--horizon",
    "60",
    "--set",
    "churn.snapshot_spacing_days=400",
    "--set",
    "churn.lightgbm.n_estimators=20",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="rights are given up the way Linux does"),
]


def guanxi(folder: Path, before: Callable[[], None], *arguments: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [Path(sys.executable).with_name("guanxi"), *arguments],
        cwd=folder,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=before,
        capture_output=True,
        text=True,
        check=False,
    )


def obey_permissions() -> None:
    """Give up the right of root to write everywhere; other users have none to give up."""
    ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE)


def small_files(most: int) -> Callable[[], None]:
    """Let no file grow beyond so many bytes, as on a disk that is nearly full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def read_only(copy_store: Any, first_run: Any, tmp_path: Path) -> Iterator[Path]:
    """A folder with the first run's store in which nothing can be written."""
    folder = tmp_path / "read only"
    copy_store(first_run.folder, folder)
    everything = [folder, *folder.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & 0o555)
    yield folder
    for path in everything:
        path.chmod(path.stat().st_mode | 0o200)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("predict", "cdnow-sample", "-o", "scores.parquet"), "cannot write into {here}: Permission denied"),
        (("predict", "cdnow-sample", "-o", "scores/"), "cannot write into {here}: Permission denied"),
        (("explain", "0001", "cdnow-sample"), "cannot write into {here}: Permission denied"),
        (("run", "cdnow-sample", *QUICK), "cannot write into {here}: Permission denied"),
        (("train", "cdnow-sample", *QUICK), "mlflow.db can only be read: get write permission"),
        (("promote",), "mlflow.db can only be read: get write permission"),
        (("backtest", "cdnow-sample", "-o", "tests"), "cannot write into {here}: Permission denied"),
        (("scorecard", "cdnow-sample", "-o", "card"), "cannot write into {here}: Permission denied"),
    ],
    ids=lambda each: each[0] + ("/" if each[-1].endswith("/") else "") if isinstance(each, tuple) else "",
)
def test_a_folder_that_can_only_be_read(read_only: Path, arguments: tuple[str, ...], said: str) -> None:
    before = content(read_only)
    done = guanxi(read_only, obey_permissions, *arguments)
    assert done.returncode == 1, done
    error = done.stderr.splitlines()[-1]
    assert error.startswith("guanxi: ")
    assert said.format(here=".") in error.replace(str(read_only), ".")
    assert "Traceback" not in done.stderr
    assert content(read_only) == before


def test_predictions_go_elsewhere_from_there(read_only: Path, tmp_path: Path) -> None:
    before = content(read_only)
    done = guanxi(
        read_only, obey_permissions, "predict", "cdnow-sample", "-o", str(tmp_path / "scores.parquet")
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scores.parquet").exists()
    assert content(read_only) == before


@pytest.mark.slow  # below some size the store itself cannot be opened, which depends on the sessions before
@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_a_disk_that_is_full_at_a_prediction_keeps_the_earlier_one(
    first_run: Any, copy_store: Any, tmp_path: Path, output: str
) -> None:
    copy_store(first_run.folder, tmp_path)
    (tmp_path / output).write_text("earlier")
    done = guanxi(tmp_path, small_files(140_000), "predict", "cdnow-sample", "-o", output)
    assert done.returncode == 1, done
    error = done.stderr.splitlines()[-1]
    assert error.startswith("guanxi: cannot write ")
    assert "too large" in error
    assert (tmp_path / output).read_text() == "earlier"
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlruns", output]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_disk_that_is_full_at_a_run_keeps_the_earlier_results(
    first_run: Any, copy_store: Any, console_script: Any, tmp_path: Path
) -> None:
    copy_store(first_run.folder, tmp_path)
    subprocess.run(["cp", "-r", first_run.output, tmp_path / "output"], check=True)
    before = content(tmp_path / "output")
    done = guanxi(tmp_path, small_files(140_000), "run", "cdnow-sample", *QUICK)
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1].startswith("guanxi: MLflow store ")
    assert "Traceback" not in done.stderr
    assert content(tmp_path / "output") == before
    again = console_script(tmp_path, "run", "cdnow-sample", *QUICK)
    assert again.code == 0, again.err
    assert json.loads((tmp_path / "output" / "metrics.json").read_text())["model_version"] != "1"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("run", "cdnow-sample"), "predictions.parquet"),
        (("run", "cdnow-sample"), "metrics.json"),
        (("backtest", "cdnow-sample"), "grades.parquet"),
        (("scorecard", "cdnow-sample"), "scorecard.csv"),
        (("scorecard", "cdnow-sample"), "tables/segments_mine.csv"),
    ],
)
def test_files_of_others_are_refused_before_the_work_begins(command, tmp_path, arguments, name):
    mine = tmp_path / "results" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ended = command(*arguments, "-o", "results")
    assert ended.code == 1
    assert f"guanxi: results/{name} would be replaced" in ended.error
    assert mine.read_text() == "mine"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [mine]
