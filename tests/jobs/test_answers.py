"""Answers of decisions are written as one set and logged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from guanxi.decisions.answer import Answer
from guanxi.errors import OutputError
from guanxi.jobs._answers import check_answer_folder, deliver
from guanxi.jobs.reporter import Reporter
from guanxi.params import Params, override
from guanxi.registry.store import open_store
from guanxi.report.chapters import Chapter

TABLES = ("customers", "cohorts")


@pytest.fixture
def params(tmp_path) -> Params:
    return override(Params(), {"mlflow.tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"})


def answer(**tables: pd.DataFrame) -> Answer:
    return Answer(
        "Profit",
        [Chapter("answer", "Answer", ["Profit is 12."])],
        tables,
        {"profit": 12.0, "unknown": None, "nothing": float("nan")},
        {"margin": 0.3},
        {},
        "Profit: 12",
    )


def give(folder, params, **tables) -> None:
    deliver(
        answer(**tables), folder, "profit", TABLES, params, Reporter(), source="s.csv", as_of=date(2026, 1, 2)
    )


@pytest.mark.slow
def test_files_and_run(tmp_path, params):
    folder = tmp_path / "out"
    customers = pd.DataFrame({"customer_id": ["1"], "profit": [12.0]})
    give(folder, params, customers=customers, cohorts=customers)
    assert pd.read_parquet(folder / "customers.parquet").equals(customers)
    assert "Profit is 12." in (folder / "profit.html").read_text(encoding="utf-8")
    document = json.loads((folder / "profit.json").read_text(encoding="utf-8"))
    assert document["metrics"] == {"profit": 12.0, "unknown": None, "nothing": None}
    store = open_store(params.mlflow)
    (run,) = store.client.search_runs([store.experiment_id])
    assert run.data.metrics == {"profit": 12.0}
    assert run.data.params == {"margin": "0.3"}
    assert run.data.tags["guanxi.as_of"] == "2026-01-02"
    assert {file.path for file in store.client.list_artifacts(run.info.run_id)} == {
        "profit.html",
        "profit.json",
    }
    give(folder, params, customers=customers)
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "customers.csv",
        "customers.parquet",
        "profit.html",
        "profit.json",
    ]


def test_foreign_files_are_not_replaced(tmp_path):
    (tmp_path / "customers.parquet").write_text("mine")
    with pytest.raises(OutputError, match=r"customers\.parquet would be replaced"):
        check_answer_folder(tmp_path, "profit", TABLES)


def test_names_that_mlflow_would_not_take_are_changed(tmp_path, params):
    given = replace(answer(), metrics={"spend " + "x" * 300: 1.0, "a<b": 2.0})
    deliver(given, tmp_path / "out", "profit", TABLES, params, Reporter(), source="x.csv", as_of=None)
    store = open_store(params.mlflow)
    run = store.client.search_runs([store.experiment_id])[0]
    assert run.data.metrics == {"spend " + "x" * 194: 1.0, "a_b": 2.0}
