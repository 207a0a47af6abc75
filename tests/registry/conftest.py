"""The registered model of the first run, loaded where guanxi is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ELSEWHERE = """
import sys, importlib.abc

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "guanxi":
            raise ImportError("guanxi is not installed here")

sys.meta_path.insert(0, Refuse())
import warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd

folder, database = sys.argv[1:]
mlflow.set_tracking_uri(database)

def save(name, uri, window=60, **params):
    features = pd.read_parquet(f"{folder}/features-{window}.parquet")
    model = mlflow.pyfunc.load_model(uri)
    model.predict(features.drop(columns="customer_id"), params=params).to_parquet(f"{folder}/{name}.parquet")

save("champion", "models:/guanxi@champion")
save("second", "models:/guanxi/2", window=45)
save("patched", f"{folder}/patched")
save("exported", f"{folder}/exported")
save("again", "models:/guanxi@champion")
save("short", "models:/guanxi@champion", horizon_days=7, drivers=0)
assert not [name for name in sys.modules if name.partition(".")[0] == "guanxi"]
"""


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
    database = f"sqlite:///{second_run.folder}/mlruns/mlflow.db"
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, str(folder), database],
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
