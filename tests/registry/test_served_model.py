"""The served model: self-contained, without pickle, and with the package's own numbers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import venv

import numpy as np
import pandas as pd
import pytest

from guanxi.served.scorer import RFM

EFFECTS = [f"driver_{k}_effect" for k in (1, 2, 3)]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Every column equal: numbers to 1e-12, the drivers' effects to 1e-9, the rest exactly."""
    for name in one.columns:
        if pd.api.types.is_numeric_dtype(one[name]):
            tolerance = 1e-9 if name in EFFECTS else 1e-12
            np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=tolerance, err_msg=name)
        else:
            left, right = (
                [None if pd.isna(value) else value for value in table[name]] for table in (one, other)
            )
            assert left == right, name


class TestElsewhere:
    """Loaded in a virtual environment of what its requirements.txt asks for and no more, pickles refused."""

    def test_champion_gives_the_numbers_of_the_prediction_table(self, elsewhere, first_run):
        own = first_run.predictions
        assert len(elsewhere.champion) == len(own) == 2357
        same(elsewhere.champion, own.drop(columns=["customer_id", "model_version"]))

    def test_small_trees_need_no_lightgbm(self, elsewhere):
        same(elsewhere.without_lightgbm, elsewhere.champion)

    def test_exported_folder_loads_from_any_place(self, elsewhere):
        same(elsewhere.exported, elsewhere.champion)

    def test_two_versions_in_one_process_keep_their_own_numbers(self, elsewhere, second_run):
        own = second_run.predictions
        same(elsewhere.second, own.drop(columns=["customer_id", "model_version"]))
        assert not np.allclose(elsewhere.second["clv"], elsewhere.champion["clv"])
        same(elsewhere.again, elsewhere.champion)

    def test_a_version_with_other_code_runs_its_own_code(self, elsewhere):
        value, other = elsewhere.champion["clv"], elsewhere.patched["clv"]
        # Value falls due at the ends of shorter periods, so it is discounted less.
        assert (other[value > 0] > value[value > 0]).all()
        np.testing.assert_array_equal(
            elsewhere.patched["churn_probability"], elsewhere.champion["churn_probability"]
        )

    def test_horizon_and_drivers_can_be_asked_for(self, elsewhere):
        assert set(elsewhere.short["horizon_days"]) == {7}
        assert not [name for name in elsewhere.short.columns if name.startswith("driver_")]
        assert (elsewhere.short["clv"] <= elsewhere.champion["clv"]).all()
        assert (elsewhere.short["churn_probability"] >= elsewhere.champion["churn_probability"] - 1e-12).all()


class TestFolder:
    def test_is_small(self, first_run):
        folder = first_run.folder / "models" / "guanxi"
        assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 1_000_000

    def test_document_tells_drivers_limits_and_grades(self, first_run):
        """What docs/model.md says, for a reader without guanxi."""
        document = json.loads((first_run.folder / "models/guanxi/artifacts/model.json").read_text())
        assert document["features"]["gap_median"] == "rhythm"
        assert set(RFM) <= set(document["features"])
        assert document["limits"] == {
            "customers": 2357,
            "repeat_customers": 1139,
            "history_days": 546,
            "window_days": 60,
            "longest_measurable_horizon_days": 273,
        }
        assert set(document["grades"]) == {"churn", "purchases", "spend"}
        assert set(document["grades"].values()) <= {"A", "B", "C"}

    def test_holds_one_code_file_a_document_a_profile_and_the_trees(self, first_run):
        folder = first_run.folder / "models" / "guanxi"
        assert sorted(path.name for path in folder.rglob("*.py")) == ["guanxi_model.py"]
        held = sorted(path.name for path in (folder / "artifacts").iterdir())
        assert held == ["digests.json", "example_predictions.json", "model.json", "profile.json", "trees"]

    def test_holds_the_boosters_of_each_target_as_they_were_grown(self, first_run, served):
        folder = first_run.folder / "models" / "guanxi" / "artifacts" / "trees"
        kept = {path.name: path.read_text("utf-8") for path in folder.iterdir()}
        assert kept == {
            f"{target}-{place}.txt": text
            for target, texts in served.trees.items()
            for place, text in enumerate(texts)
        }
        assert kept

    def test_requirements_are_few_and_pinned(self, first_run):
        lines = (first_run.folder / "models/guanxi/requirements.txt").read_text().split()
        assert [line.split("==")[0] for line in lines] == ["mlflow", "numpy", "pandas", "scipy", "lightgbm"]
        assert all(re.fullmatch(r"[a-z]+==[\d.]+", line) for line in lines)

    def test_input_example_holds_no_customer(self, first_run):
        example = json.loads((first_run.folder / "models/guanxi/input_example.json").read_text())
        assert "customer_id" not in example["columns"]

    def test_served_code_holds_modules_and_texts_as_they_are(self):
        import ast
        from importlib import resources

        from guanxi.registry._bundle import served_code

        sources, texts = (
            ast.literal_eval(node.value)
            for node in ast.parse(served_code()).body
            if isinstance(node, ast.Assign) and node.targets[0].id in ("SOURCES", "TEXTS")
        )
        folder = resources.files("guanxi.served")
        files = {path.relative_to(folder).with_suffix("").as_posix(): path for path in folder.rglob("*.py")}
        assert {"scorer", "corrections", "spend", "trees/_ensemble", "purchases/__init__"} <= set(files)
        assert set(sources) == {name.replace("/", ".") for name in files}
        for name, path in files.items():
            assert sources[name.replace("/", ".")] == path.read_text(encoding="utf-8"), name
        tomls = {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*.toml")}
        assert set(tomls) == {"en.toml", "zh.toml"}
        assert texts == tomls


class TestServer:
    """MLflow's scoring path, as ``mlflow models serve`` calls it."""

    @pytest.fixture
    def answer(self, first_run, store, features):
        from mlflow.pyfunc import scoring_server

        from guanxi.registry.loaded_model import load_model

        model = load_model("models:/guanxi@champion", store).pyfunc

        def ask(rows: pd.DataFrame, **params):
            values = rows.astype(object).where(rows.notna(), None)
            split = {"columns": list(rows.columns), "data": values.to_numpy().tolist()}
            data = json.dumps({"dataframe_split": split, "params": params})
            schema = model.metadata.get_input_schema()
            return scoring_server.invocations(data, "application/json", model, schema)

        return ask

    def test_dates_and_nothing_survive_as_text_and_null(self, answer, features, first_run):
        own = first_run.predictions.head(300)
        got = answer(features.drop(columns="customer_id").head(300), drivers=3)
        assert got.status == 200
        rows = json.loads(got.response)["predictions"]
        assert {row["as_of"] for row in rows} == {"1998-06-30"}
        dates = [None if value is None else value.isoformat() for value in own["next_purchase_date"]]
        assert [row["next_purchase_date"] for row in rows] == dates
        np.testing.assert_allclose([row["clv"] for row in rows], own["clv"], rtol=1e-12)

    def test_a_missing_feature_is_refused_with_its_name(self, answer, features):
        from mlflow.exceptions import MlflowException

        with pytest.raises(MlflowException, match="gap_median"):
            answer(features.drop(columns=["customer_id", "gap_median"]).head(1))


INSTALLED = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow, pandas as pd

folder, database = sys.argv[1:]
mlflow.set_tracking_uri(database)
features = pd.read_parquet(f"{folder}/features.parquet").drop(columns="customer_id")
mlflow.pyfunc.load_model("models:/guanxi@champion").predict(features).to_parquet(f"{folder}/scores.parquet")
"""


@pytest.mark.slow
def test_loads_where_pip_installed_its_requirements(first_run, features, tmp_path):
    venv.create(tmp_path / "environment", with_pip=True)
    python = tmp_path / "environment" / "bin" / "python"
    requirements = first_run.folder / "models" / "guanxi" / "requirements.txt"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True, timeout=800)
    features.to_parquet(tmp_path / "features.parquet")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    settings = {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    database = f"sqlite:///{first_run.folder}/mlruns/mlflow.db"
    subprocess.run(
        [python, "-I", "-c", INSTALLED, tmp_path, database],
        cwd=tmp_path,
        env=outside | settings,
        check=True,
        timeout=300,
    )
    own = first_run.predictions.drop(columns=["customer_id", "model_version"])
    same(pd.read_parquet(tmp_path / "scores.parquet"), own)
