"""The registered model of the first run, loaded where guanxi is not, and behind a server."""

from __future__ import annotations

import os
import shutil
import subprocess
import venv
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement

ELSEWHERE = """
import sys, importlib.abc, importlib.util
from pathlib import Path

assert importlib.util.find_spec("guanxi") is None

class NoLightGBM(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "lightgbm":
            raise ImportError("it is not installed here")

import warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd

folder, database = sys.argv[1:]
mlflow.set_tracking_uri(database)

def save(name, uri, window=60, **params):
    features = pd.read_parquet(f"{folder}/features-{window}.parquet")
    model = mlflow.pyfunc.load_model(uri)
    model.predict(features.drop(columns="customer_id"), params=params).to_parquet(f"{folder}/{name}.parquet")

sys.meta_path.insert(0, NoLightGBM())
save("without_lightgbm", "models:/guanxi@champion")
del sys.meta_path[0]

save("champion", "models:/guanxi@champion")
save("second", "models:/guanxi/2", window=45)
save("patched", f"{folder}/patched")
save("exported", f"{folder}/exported")
save("again", "models:/guanxi@champion")
save("short", "models:/guanxi@champion", horizon_days=7, drivers=0)
"""


def link_environment(folder: Path, requirements: Path) -> Path:
    """Make a virtual environment with the requirements and what they need in turn; give its Python.

    The packages are linked from the environment of the tests, which is quicker than installing them.
    """
    wanted = [Requirement(line).name for line in requirements.read_text().split()]
    found: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        found.add(name)
        needed = [Requirement(text) for text in metadata.requires(name) or ()]
        wanted += [each.name for each in needed if each.marker is None or each.marker.evaluate({"extra": ""})]
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in found:
        files = metadata.files(name)
        assert files, name
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(metadata.distribution(name).locate_file(top))
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def features(sample_log, served):
    """Feature table on the last day of the sample."""
    from guanxi.features.snapshots import features_at

    return features_at(sample_log, sample_log.last_day, served.window_days)


@pytest.fixture(scope="session")
def elsewhere(second_run, sample_log, features, tmp_path_factory) -> SimpleNamespace:
    """Predictions made in a process that cannot import guanxi, of several models together."""
    import pandas as pd

    from guanxi.features.snapshots import features_at

    folder = tmp_path_factory.mktemp("elsewhere")
    # The second version learnt from windows as long as its own horizon.
    for days, table in ((60, features), (45, features_at(sample_log, sample_log.last_day, 45))):
        table.to_parquet(folder / f"features-{days}.parquet")
    for name in ("patched", "exported"):
        shutil.copytree(second_run.folder / "models" / "guanxi", folder / name)
    code = folder / "patched" / "guanxi_model.py"
    text = code.read_text(encoding="utf-8")
    assert text.count("_DISCOUNT_PERIOD_DAYS = 30.0") == 1
    code.write_text(text.replace("_DISCOUNT_PERIOD_DAYS = 30.0", "_DISCOUNT_PERIOD_DAYS = 10.0"), "utf-8")
    python = link_environment(folder / "environment", folder / "exported" / "requirements.txt")
    database = f"sqlite:///{second_run.folder}/mlruns/mlflow.db"
    done = subprocess.run(
        [python, "-I", "-c", ELSEWHERE, str(folder), database],
        cwd=folder,
        # MLflow leaves the addresses it was given in this process's environment.
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
        | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = [path for path in Path(folder).glob("*.parquet") if not path.stem.startswith("features-")]
    return SimpleNamespace(**{path.stem: pd.read_parquet(path) for path in made})
