"""Labels of one's own, from the command to the registry and back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.errors import ParamsError, PromotionError
from guanxi.jobs.predict_spark import predict_spark
from guanxi.jobs.promote import promote
from guanxi.jobs.rollback import rollback
from guanxi.jobs.train_labels import _cross_validated_metrics, summary_text, train_labels
from guanxi.params import OfferParams, load_params, override
from guanxi.registry import registration
from guanxi.registry.aliases import _appoint, read_aliases
from guanxi.registry.label_log import LABEL
from guanxi.registry.store import open_store, task_store
from guanxi.served.corrections import probability

MODEL = "models:/guanxi-labels@candidate"
QUICK = ("churn.lightgbm.n_estimators=40",)
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

database, features, output = sys.argv[1:]
mlflow.set_tracking_uri(database)
model = mlflow.pyfunc.load_model("models:/guanxi-labels@candidate")
model.predict(pd.read_parquet(features)).to_parquet(output)
"""


def customers(n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(0)
    months, plan = random.integers(1, 72, n).astype(float), random.choice(["month", "year"], n)
    left = random.random(n) < probability(np.where(plan == "month", 1.5, -1.5) - 0.05 * (months - 36))
    months[random.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "customer": [f"c{i}" for i in range(n)],
            "left": np.where(left, "Yes", "No"),
            "months": months,
            "plan": np.where(random.random(n) < 0.1, None, plan),
            "paperless": random.random(n) < 0.5,
        }
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training on labels in a folder of its own."""
    folder = tmp_path_factory.mktemp("labels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        params = load_params(None, QUICK, {})
        training = train_labels(customers(), label="left", id_column="customer", params=params)
    return SimpleNamespace(folder=folder, training=training, params=params)


@pytest.fixture
def predict(trained, monkeypatch):
    """``guanxi.predict`` with the model, in its folder."""
    monkeypatch.chdir(trained.folder)
    return lambda source, **given: guanxi.predict(source, model=MODEL, params=trained.params, **given)


def test_labels_tell_nothing_of_new_customers(trained, monkeypatch):
    monkeypatch.chdir(trained.folder)
    with pytest.raises(ParamsError, match="labels, which tell nothing of new customers: name"):
        guanxi.predict_new(customers(), model=MODEL, params=trained.params)


def model_of(version) -> str:
    """Address of the logged model behind a version: its files are in models/ID/artifacts."""
    return f"models:/{Path(version.source).parent.name}"


class TestPromotion:
    """By cross-validated log losses: there is no window."""

    @pytest.fixture
    def again(self, copy_store, trained, tmp_path, monkeypatch):
        """The store in a folder of the test's own, the same model registered once more."""
        copy_store(trained.folder, tmp_path)
        monkeypatch.chdir(tmp_path)
        store = task_store(open_store(trained.params.mlflow), "labels")
        first = store.client.get_model_version("guanxi-labels", "1")
        registration.register(store, first.run_id, model_of(first), {LABEL: first.tags[LABEL]})
        _appoint(store, "2")
        return store

    def test_equal_models_change_places(self, again, trained):
        assert promote(trained.params, model=MODEL).previous == "1"
        assert read_aliases(again) == {"candidate": "2", "champion": "2", "previous": "1"}
        params = override(trained.params, {"mlflow.registered_model": "guanxi-labels"})
        assert rollback(params).version == "1"

    def test_a_worse_one_is_refused(self, again, trained):
        run = again.client.create_run(again.experiment_id)
        again.client.log_metric(run.info.run_id, "churn_relative_log_loss", 0.6 / 0.65)
        first = again.client.get_model_version("guanxi-labels", "1")
        registration.register(again, run.info.run_id, model_of(first), {LABEL: first.tags[LABEL]})
        _appoint(again, "3")
        with pytest.raises(PromotionError, match=r"in cross-validation 0\.9231, version 1 "):
            promote(trained.params, model=MODEL)
        assert read_aliases(again) == {"candidate": "3", "champion": "1"}

    def test_one_of_another_label_is_refused(self, again, trained):
        first = again.client.get_model_version("guanxi-labels", "1")
        registration.register(again, first.run_id, model_of(first), {LABEL: "easier"})
        _appoint(again, "3")
        with pytest.raises(PromotionError, match="its label is easier, that of version 1 is left"):
            promote(trained.params, model=MODEL)

    def test_the_card_has_its_metrics(self, again):
        card = again.client.get_model_version("guanxi-labels", "1").description
        assert "- auc 0." in card
        assert "left; 3 attributes" in card


class TestRegistry:
    def test_has_a_registered_model_of_its_own(self, trained):
        training = trained.training
        assert training.store.registered_model == "guanxi-labels"
        found = training.store.client.get_model_version("guanxi-labels", training.version)
        assert set(found.aliases) == {"candidate", "champion"}
        assert found.tags["guanxi.smoke_test"] == "passed"
        assert not training.store.client.search_model_versions("name = 'guanxi'")

    def test_a_second_training_leaves_the_champion(self, trained, monkeypatch):
        monkeypatch.chdir(trained.folder)
        params = trained.params.model_copy(update={"seed": 3})
        second = train_labels(customers(), label="left", id_column="customer", params=params)
        assert not second.is_champion
        assert read_aliases(second.store)["champion"] == trained.training.version
        second.store.client.set_registered_model_alias("guanxi-labels", "candidate", trained.training.version)

    @pytest.mark.spark
    def test_is_not_for_spark(self, trained, tmp_path, monkeypatch):
        monkeypatch.chdir(trained.folder)
        customers().to_parquet(tmp_path / "customers.parquet")
        given = (str(tmp_path / "customers.parquet"), str(tmp_path / "scores"))
        with pytest.raises(ParamsError, match=r"trained on labels.*leave --engine out"):
            predict_spark(*given, model=MODEL, params=trained.params)

    def test_the_run_holds_metrics_and_what_was_learnt_from(self, trained, monkeypatch):
        monkeypatch.chdir(trained.folder)
        client = open_store(trained.params.mlflow).client
        run = client.get_run(trained.training.run_id)
        assert run.data.metrics["churn_auc"] == pytest.approx(trained.training.value("auc"))
        assert {"churn_log_loss", "churn_ece", "churn_brier", "churn_empc"} <= set(run.data.metrics)
        paths = {file.path for file in client.list_artifacts(trained.training.run_id)}
        assert {"attributes.json", "params.yaml", "holdout", "figures"} <= paths

    @pytest.mark.slow
    def test_served_where_guanxi_is_not(self, trained, predict, tmp_path):
        own = predict(customers())
        table = customers().drop(columns=["customer", "left"])
        table["paperless"] = table["paperless"].map({True: "true", False: "false"})
        table.to_parquet(tmp_path / "features.parquet")
        arguments = (f"sqlite:///{trained.folder}/mlruns/mlflow.db", "features.parquet", "out.parquet")
        done = subprocess.run(
            [sys.executable, "-I", "-c", ELSEWHERE, *arguments],
            cwd=tmp_path,
            env={"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        served = pd.read_parquet(tmp_path / "out.parquet")
        pd.testing.assert_frame_equal(
            served.astype(object), own[list(served)].astype(object), check_exact=False, rtol=1e-12
        )


class TestPredict:
    def test_one_row_per_customer_in_the_order_of_the_source(self, trained, predict):
        shuffled = customers().sample(frac=1, random_state=1)
        table = predict(shuffled)
        assert table["customer_id"].tolist() == shuffled["customer"].tolist()
        drivers = [f"driver_{k}{part}" for k in (1, 2, 3) for part in ("", "_effect", "_text")]
        assert list(table) == ["customer_id", "churn_probability", *drivers, "model_version"]
        assert set(table["model_version"]) == {trained.training.version}
        assert list(predict(customers(), drivers=0)) == ["customer_id", "churn_probability", "model_version"]

    def test_each_row_is_scored_alone(self, predict):
        everyone, few = predict(customers()), predict(customers().iloc[5:8])
        pd.testing.assert_frame_equal(everyone.iloc[5:8].reset_index(drop=True), few)

    def test_extra_columns_other_dtypes_and_files(self, predict, tmp_path):
        table = customers().drop(columns="left").assign(more="x")
        table.astype({"months": "string"}).to_csv(tmp_path / "new.csv", index=False)
        pd.testing.assert_frame_equal(
            predict(str(tmp_path / "new.csv"), output=tmp_path / "scores.parquet"), predict(customers())
        )
        assert len(pd.read_parquet(tmp_path / "scores.parquet")) == 400

    def test_an_unseen_category_counts_as_missing_and_is_told(self, trained, predict, command):
        unseen, missing = (predict(customers().assign(plan=plan)) for plan in ("decade", None))
        pd.testing.assert_frame_equal(unseen, missing)
        customers().assign(plan="decade").to_csv(trained.folder / "unseen.csv", index=False)
        ended = command("predict", "unseen.csv", "-o", "s.csv", "--model", MODEL, folder=trained.folder)
        assert ended.code == 0
        assert "'plan': 400 rows with values not seen in training, such as 'decade'" in ended.err
        assert "400 customers scored: s.csv" in ended.out

    def test_days_and_horizons_are_refused(self, trained, predict):
        with pytest.raises(ParamsError, match="has no horizon: leave --horizon out"):
            predict(customers(), horizon_days=30)
        with pytest.raises(ParamsError, match="has no dates: leave --as-of out"):
            predict(customers(), as_of="2024-01-01")


class TestCommand:
    def test_trains_and_says_what_to_type_next(self, command, tmp_path):
        customers().to_csv(tmp_path / "telco.csv", index=False)
        given = ("--task", "churn", "--label", "left", "--id", "customer", "--set", QUICK[0])
        ended = command("train", "telco.csv", *given)
        assert ended.code == 0, ended.err
        assert "AUC 0." in ended.out
        assert "candidate and, as the first, champion" in ended.out
        assert "--model models:/guanxi-labels@champion" in ended.out

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                ("--task", "churn", "--id", "customer"),
                "labels need --label COLUMN (who left) and --id COLUMN",
            ),
            (("--label", "left"), "--label and --id need --task labels"),
            (
                ("--task", "churn", "--label", "left", "--id", "customer", "--horizon", "30"),
                "knows no days: leave --horizon out",
            ),
            (("--task", "labels", "--label", "Lefty", "--id", "customer"), "did you mean left?"),
            (("--task", "labels", "--label", "left", "--id", "custom"), "did you mean customer?"),
            (
                ("--task", "labels", "--label", "left", "--id", "customer", "--exclude", "plans"),
                "no column 'plans' to exclude: did you mean plan?",
            ),
            (
                ("--task", "labels", "--label", "left", "--id", "customer", "--exclude", "left"),
                "column 'left' is the identifier or the label: do not exclude it",
            ),
            (("--task", "churn", "--label", "plan", "--id", "customer"), "label 'plan' is missing for"),
        ],
    )
    def test_usage_ends_in_one_line(self, command, tmp_path, given, message):
        customers().to_csv(tmp_path / "telco.csv", index=False)
        ended = command("train", "telco.csv", *given)
        assert ended.code == 2
        assert message in ended.error
        assert not (tmp_path / "mlruns").exists()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"customer": "c1"}, "customer 'c1' appears twice: keep one row per customer"),
            ({"months": "long"}, "column 'months' contains 'long'"),
        ],
    )
    def test_bad_customers_end_in_one_line(self, trained, command, change, message):
        customers().assign(**change).to_csv(trained.folder / "bad.csv", index=False)
        ended = command("predict", "bad.csv", "-o", "never.csv", "--model", MODEL, folder=trained.folder)
        assert ended.code == 2
        assert message in ended.error
        assert not (trained.folder / "never.csv").exists()

    def test_a_column_missing_at_predict(self, trained, command):
        customers().drop(columns="plan").to_csv(trained.folder / "bad.csv", index=False)
        ended = command("predict", "bad.csv", "-o", "never.csv", "--model", MODEL, folder=trained.folder)
        assert (ended.code, "column 'plan' is missing" in ended.error) == (2, True)


def test_metrics_by_hand():
    held_out = pd.DataFrame(
        {
            "fold": [0, 0, 1, 1],
            "churned": [0.0, 1.0, 0.0, 1.0],
            "churn_probability": [0.2, 0.6, 0.7, 0.4],
        }
    )
    found = _cross_validated_metrics(held_out, OfferParams()).set_index(["model", "metric"])
    assert found["value"]["guanxi", "auc"] == 0.5
    assert found["standard_deviation"]["guanxi", "auc"] == pytest.approx(np.sqrt(0.5))
    expected = -np.log([0.8, 0.6, 0.3, 0.4]).mean()
    assert found["value"]["guanxi", "log_loss"] == pytest.approx(expected)
    assert found["value"]["share of churners", "log_loss"] == pytest.approx(np.log(2))
    # Three are contacted, two of whom leave: 2 x (.3 x 190 - 1) - 11 over four, whatever share accepts.
    assert found["value"]["guanxi", "empc"] == pytest.approx(25.25, abs=1e-3)
    assert found["value"]["guanxi", "empc_share"] == pytest.approx(0.75, abs=1e-3)


def test_warnings_stand_in_the_summary(trained):
    text = summary_text(trained.training)
    assert "Model guanxi-labels version 1 is candidate and, as the first, champion." in text
    assert "400 customers" in text
