"""Models loaded without MLflow."""

from __future__ import annotations

import os
import subprocess
import sys

import pandas as pd
import pytest

from guanxi.params import MLflowParams
from guanxi.registry.direct import load_directly
from guanxi.registry.loaded_model import load_from_store

UNUSED = ["mlflow", "lightgbm", "shap", "optuna", "sklearn", "scipy.stats", "matplotlib"]
PREDICT = f"""
import sys
import guanxi
guanxi.predict("cdnow-sample", "{{output}}")
print([name for name in {UNUSED} if name in sys.modules])
"""


@pytest.fixture
def params(second_run):
    return MLflowParams(tracking_uri=f"sqlite:///{second_run.folder}/mlruns/mlflow.db")


@pytest.mark.parametrize("asked", ["guanxi@champion", "guanxi/1", "guanxi/2"])
def test_the_same_model_as_from_mlflow(asked, params, features):
    uri = f"models:/{asked}"
    direct, loaded = load_directly(uri, params), load_from_store(uri, params)
    assert direct is not None
    assert (direct.version, direct.folder, direct.features, direct.source) == (
        loaded.version, loaded.folder, loaded.features, loaded.source,
    )  # fmt: skip
    assert direct.profile == loaded.profile
    assert direct.given({"drivers": 2}) == loaded.given({"drivers": 2})
    assert direct.pyfunc.metadata.model_uuid == loaded.pyfunc.metadata.model_uuid
    pd.testing.assert_frame_equal(direct.predict(features, drivers=2), loaded.predict(features, drivers=2))


@pytest.mark.parametrize("asked", ["models:/guanxi@nobody", "models:/guanxi/99", "runs:/1/model", "folder"])
def test_what_is_not_there_is_left_to_mlflow(asked, params):
    assert load_directly(asked, params) is None


def test_predict_imports_nothing_it_does_not_use(second_run, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PREDICT.format(output=tmp_path / "scores.parquet")],
        cwd=second_run.folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
