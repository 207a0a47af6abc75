"""``guanxi run --task labels``: all results or none, leaks do not become champion, the gate decides."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from guanxi.errors import PromotionError
from guanxi.jobs.promote import promote
from guanxi.jobs.report import report
from guanxi.jobs.run_labels import run_labels, summary_text
from guanxi.jobs.train_labels import train_labels
from guanxi.params import load_params
from guanxi.registry.aliases import LEAKS, read_aliases
from guanxi.registry.store import open_store, task_store

GIVEN = ("--task", "labels", "--label", "left", "--id", "customer", "--set", "churn.lightgbm.n_estimators=40")


def customers(n: int = 500) -> pd.DataFrame:
    random = np.random.default_rng(0)
    plan = random.choice(["month", "year"], n)
    left = random.random(n) < np.where(plan == "month", 0.5, 0.1)
    return pd.DataFrame(
        {
            "customer": [f"c{i:03d}" for i in range(n)],
            "left": np.where(left, "Yes", "No"),
            "plan": plan,
            "calls": random.poisson(2, n).astype(float),
            "reason": np.where(left, "price", None),
        }
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the customers, shared by the tests of one run."""
    made = tmp_path_factory.mktemp("labels")
    customers().to_csv(made / "telco.csv", index=False)
    return made


@pytest.fixture(scope="module")
def told(folder):
    """What a run says at its end."""
    params = load_params(None, ["churn.lightgbm.n_estimators=40", 'data.exclude=["reason"]'], {})
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        given = {"label": "left", "id_column": "customer"}
        return summary_text(run_labels("telco.csv", Path("output"), params=params, **given))


def test_it_writes_predictions_metrics_and_the_page(told, folder):
    assert "candidate and, as the first, champion" in told
    assert sorted(path.name for path in (folder / "output").iterdir()) == [
        "metrics.json",
        "page",
        "predictions.parquet",
        "report.html",
    ]
    table = pd.read_parquet(folder / "output" / "predictions.parquet")
    assert sorted(table["customer_id"]) == list(customers()["customer"])
    assert list(table.columns[:3]) == ["customer_id", "churned", "churn_probability"]
    assert table["churned"].sum() == (customers()["left"] == "Yes").sum()
    assert set(table["driver_1"].dropna()) <= {"plan", "calls"}
    metrics = json.loads((folder / "output" / "metrics.json").read_text())
    assert metrics["cross_validation"]["guanxi"]["auc"]["value"] == pytest.approx(
        float(re.search(r"AUC (0\.\d+)", told)[1]), abs=5e-4
    )
    assert "Who is likely to leave" in (folder / "output" / "report.html").read_text()
    assert (folder / "models" / "guanxi-labels" / "MLmodel").is_file()


def test_the_champion_of_the_task_is_used_without_naming_it(told, folder, command):
    ended = command("predict", "telco.csv", "-o", "scores.csv", "--task", "labels", folder=folder)
    assert ended.code == 0, ended.err
    assert len(pd.read_csv(folder / "scores.csv")) == 500
    again = command("promote", "--task", "labels", folder=folder)
    assert "already champion" in again.out


def test_a_leak_is_named_and_does_not_become_champion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = load_params(None, ["churn.lightgbm.n_estimators=10"], {})
    with pytest.warns(UserWarning, match=r"column 'reason' alone tells who churned .*exclude=\['reason'\]"):
        training = train_labels(customers(), label="left", id_column="customer", params=params)
    assert (training.champion, training.is_champion) == (None, False)
    store = task_store(open_store(params.mlflow), "labels")
    assert "reason" in store.client.get_model_version("guanxi-labels", "1").tags[LEAKS]
    with pytest.raises(PromotionError, match="column 'reason' alone tells who churned"):
        promote(params.model_copy(update={"task": "labels"}))
    clean = train_labels(customers(), label="left", id_column="customer", exclude=["reason"], params=params)
    assert clean.is_champion
    assert list(clean.fitted.features) == ["plan", "calls"]
    assert read_aliases(store) == {"candidate": "2", "champion": "2"}


@pytest.mark.slow
def test_label_and_identifier_may_stand_in_the_parameters(tmp_path, command):
    customers().to_csv(tmp_path / "telco.csv", index=False)
    (tmp_path / "params.yaml").write_text(
        "task: labels\ndata: {columns: {customer_id: customer, churned: left}, exclude: [reason]}\n"
        "churn: {lightgbm: {n_estimators: 10}}\nlanguage: zh\n"
    )
    ended = command("run", "telco.csv")
    assert ended.code == 0, ended.err
    assert "哪些客户可能流失" in (tmp_path / "output" / "report.html").read_text(encoding="utf-8")


def test_files_of_others_stay(tmp_path, command):
    customers().to_csv(tmp_path / "telco.csv", index=False)
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "metrics.json").write_text('{"mine": 1}')
    ended = command("run", "telco.csv", *GIVEN)
    assert ended.code != 0
    assert "metrics.json" in ended.error
    assert not (tmp_path / "mlruns").exists()


def test_a_source_is_needed(command):
    ended = command("run", *GIVEN)
    assert (ended.code, "--task labels needs a SOURCE" in ended.error) == (2, True)


@pytest.mark.slow
def test_the_page_is_made_again_from_the_folder_alone(told, folder, tmp_path):
    output, again = folder / "output", tmp_path / "again.html"
    report(output, again)
    assert again.read_bytes() == (output / "report.html").read_bytes()
    chinese = report(output, again, language="zh").read_text(encoding="utf-8")
    assert "客户" in chinese
    assert "typical" not in chinese  # as in the drivers' texts
