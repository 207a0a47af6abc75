"""What ``guanxi run`` leaves: files, numbers, the registry, and what it says."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.evaluation._baselines import BASELINES
from guanxi.pipeline.correction import ALONE, TREES_ALONE

RFM = ["frequency", "recency", "T", "monetary_value"]
COLUMNS = [
    *("customer_id", "as_of", "horizon_days", *RFM),
    *("probability_alive", "expected_purchases", "expected_spend", "clv", "clv_lower", "clv_upper"),
    *("value_at_risk", "churn_probability", "next_purchase_date"),
    *(f"driver_{k}{part}" for k in (1, 2, 3) for part in ("", "_effect", "_text")),
    "model_version",
]


@pytest.fixture
def predictions(first_run: Any) -> pd.DataFrame:
    return first_run.predictions


class TestFiles:
    def test_four_files_what_the_page_needs_and_the_exported_model_are_there_and_nothing_else(
        self, first_run
    ):
        folder = first_run.folder
        assert sorted(path.name for path in (folder / "output").iterdir()) == [
            "metrics.json",
            "page",
            "predictions.parquet",
            "rejected.parquet",
            "report.html",
        ]
        assert sorted(path.name for path in folder.iterdir()) == ["mlruns", "models", "output"]
        assert [path.name for path in (folder / "models").iterdir()] == ["guanxi"]

    def test_metrics_hold_every_model_and_the_window(self, first_run):
        metrics = json.loads((first_run.folder / "output" / "metrics.json").read_text(encoding="utf-8"))
        assert metrics["holdout"]["after"] == "1998-05-01"
        assert metrics["holdout"]["until"] == "1998-06-30"
        assert metrics["holdout"]["customers"] == 2357
        assert metrics["model_version"] == "1"
        churn = metrics["holdout"]["metrics"]["churn"]
        assert set(churn) == {"guanxi", ALONE, TREES_ALONE, *BASELINES}
        assert churn["guanxi"]["auc"] > 0.8
        for name in BASELINES:
            assert churn["guanxi"]["log_loss"] < churn[name]["log_loss"]
        assert set(metrics["grades"]) == set(metrics["corrections"]) == {"churn", "purchases", "spend"}
        assert metrics["grades"]["churn"] in ("A", "B", "C")
        assert "on 1 earlier window of 60 days" in metrics["corrections"]["churn"]

    def test_page_names_the_source_and_stands_alone(self, first_run):
        page = (first_run.folder / "output" / "report.html").read_text(encoding="utf-8")
        assert "cdnow-sample" in page
        assert not re.search(r"""(src|href)=["']https?://""", page)

    def test_accepted_and_rejected_lines_add_up(self, first_run):
        rejected = pd.read_parquet(first_run.folder / "output" / "rejected.parquet")
        assert len(rejected) == 0
        assert "rule" in rejected.columns


class TestPredictions:
    def test_columns_are_those_of_the_prediction_table_in_their_order(self, predictions):
        assert list(predictions.columns) == COLUMNS

    def test_every_customer_has_one_row(self, predictions):
        assert predictions["customer_id"].is_unique
        assert len(predictions) == 2357

    def test_numbers_are_of_their_domain(self, predictions):
        assert predictions["probability_alive"].between(0, 1).all()
        assert predictions["churn_probability"].between(0, 1).all()
        for column in (*RFM, "expected_purchases", "expected_spend", "clv", "clv_lower", "clv_upper"):
            assert (predictions[column] >= 0).all(), column

    def test_nobody_buys_less_often_than_at_all(self, predictions):
        assert (predictions["expected_purchases"] >= 1 - predictions["churn_probability"]).all()

    def test_some_value_is_at_risk_and_none_below_zero(self, predictions):
        assert (predictions["value_at_risk"] >= 0).all()
        assert predictions["value_at_risk"].sum() > 0

    def test_interval_holds_the_value(self, predictions):
        assert (predictions["clv_lower"] <= predictions["clv"]).all()
        assert (predictions["clv"] <= predictions["clv_upper"]).all()
        # Also where nothing is bought with a probability above the upper level.
        assert (predictions["churn_probability"] > 0.95).any()

    def test_nothing_is_missing_outside_drivers_and_next_purchase(self, predictions):
        full = [name for name in COLUMNS if not name.startswith(("driver_", "next_"))]
        assert not predictions[full].isna().any().any()

    def test_next_purchase_lies_after_the_day(self, predictions):
        known = predictions["next_purchase_date"].dropna()
        assert (known > predictions["as_of"].iloc[0]).all()

    def test_drivers_are_ranked_by_the_size_of_their_effect(self, predictions):
        sizes = predictions[[f"driver_{k}_effect" for k in (1, 2, 3)]].abs().fillna(0).to_numpy()
        assert (np.diff(sizes, axis=1) <= 1e-12).all()
        named = predictions["driver_1"].notna()
        assert named.mean() > 0.9
        assert (predictions.loc[named, "driver_1_text"].str.len() > 5).all()


class TestWords:
    def test_standard_error_has_numbered_steps_and_no_chatter(self, first_run):
        err = first_run.ended.err
        steps = re.findall(r"^step (\d+) of (\d+): .* \d+\.\d s$", err, flags=re.MULTILINE)
        assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
        assert steps[-1] == (str(len(steps)), str(len(steps)))
        assert not re.search(r"[Ww]arning|alembic|INFO|Registered model|type hint|Created version", err)

    def test_nothing_is_said_twice(self, first_run):
        for text in (first_run.ended.out, first_run.ended.err):
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            assert len(lines) == len(set(lines))

    def test_summary_names_the_next_commands(self, first_run):
        _, _, following = first_run.ended.out.partition("Next:\n")
        commands = [line.split()[:2] for line in following.splitlines() if line]
        assert [words[0] for words in commands] == ["xdg-open", "mlflow", "guanxi", "guanxi"]
        assert "  guanxi predict cdnow-sample -o scores.parquet\n" in following
        assert f"'sqlite:///{first_run.folder}/mlruns/mlflow.db'" in following
        assert "version 1 is candidate and, as the first, champion" in first_run.ended.out


@pytest.mark.slow
class TestSecondRun:
    def test_first_stays_champion_and_it_is_said(self, second_run, store):
        from guanxi.registry.aliases import read_aliases

        assert second_run.ended.code == 0
        assert "version 2 is candidate; version 1 stays champion" in second_run.ended.out
        assert read_aliases(store)["champion"] == "1"
        assert str(store.client.get_model_version_by_alias("guanxi", "candidate").version) == "2"

    def test_its_predictions_come_from_its_own_version(self, second_run):
        table = second_run.predictions
        assert set(table["model_version"]) == {"2"}
        assert set(table["horizon_days"]) == {45}

    def test_the_exported_folder_holds_the_champion(self, second_run):
        document = json.loads((second_run.folder / "models/guanxi/artifacts/model.json").read_text("utf-8"))
        assert document["horizon_days"] == 60
        assert [path.name for path in (second_run.folder / "models").iterdir()] == ["guanxi"]
