"""The wheel: it holds what running needs, and installs into an empty environment, with extras and without."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# It installs everything that guanxi needs: minutes.
pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path = ROOT) -> str:
    # Sources on the path would pass for an installed guanxi.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--quiet", "--outdir", folder)
    return folder


def test_what_it_says_of_itself_can_be_shown(built):
    assert len(list(built.iterdir())) == 2
    run(Path(sys.executable).with_name("twine"), "check", "--strict", *built.iterdir())


def test_every_file_of_the_package_is_in_it(built):
    (wheel,) = built.glob("*.whl")
    source = ROOT / "src"
    files = {path.relative_to(source).as_posix() for path in (source / "guanxi").rglob("*") if path.is_file()}
    with zipfile.ZipFile(wheel) as packed:
        assert {name for name in files if "__pycache__" not in name} <= set(packed.namelist())


def test_an_empty_environment_takes_it_with_extras_and_without(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / "bin"
    install = (
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        ROOT / "constraints.txt",
    )
    run(*install, wheel)
    empty = tmp_path / "an empty folder"
    empty.mkdir()
    assert "guanxi run" in run(programs / "guanxi", "run", "--help", folder=empty)
    ran = run(
        programs / "guanxi", "run", "cdnow-sample", "--set", "churn.lightgbm.n_estimators=20", folder=empty
    )
    assert "2,357 customers scored" in ran
    page = (empty / "output" / "report.html").read_text(encoding="utf-8")
    again = run(programs / "guanxi", "report", "--language", "zh", "-o", "zh.html", folder=empty)
    assert again == "zh.html\n"
    assert (empty / "zh.html").read_text(encoding="utf-8") != page
    run(*install, f"{wheel}[spark]")
    run(programs / "python", "-c", "import guanxi.jobs.predict_spark, pyspark")
