"""``guanxi train --engine spark`` and its like: the models and measures of DuckDB."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import guanxi
from guanxi.data import datasets
from guanxi.errors import ParamsError
from guanxi.jobs import _opened_log
from guanxi.params import load_params, override
from guanxi.pipeline.fit import fit_models

pytestmark = [
    # PySpark 4.0 leaves the sockets open through which rows came here.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

TOLERANCE = 1e-9


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Every number to 1e-9, the rest exactly."""
    pd.testing.assert_frame_equal(one, other, rtol=TOLERANCE, atol=TOLERANCE, check_dtype=False)


def same_models(one: Any, other: Any) -> None:
    """The same parameters, trees and scores with drivers."""
    assert {name: model.params_ for name, model in one.transactions.items()} == {
        name: pytest.approx(model.params_, rel=TOLERANCE) for name, model in other.transactions.items()
    }
    assert one.trees == other.trees
    assert one.model.limits == other.model.limits
    same(one.features, other.features)
    same(one.scorer.score(one.features, drivers=3), other.scorer.score(other.features, drivers=3))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The CDNOW sample in three files, its lines in another order."""
    folder = tmp_path_factory.mktemp("sales")
    lines = datasets.load("cdnow-sample").sample(frac=1.0, random_state=0)
    for i in range(3):
        lines.iloc[i::3].to_parquet(folder / f"{i}.parquet")
    return str(folder)


@pytest.mark.spark
def test_train_gives_the_model_of_duckdb(spark_session, source, served, quick_params, tmp_path):
    params = override(quick_params, {"mlflow.tracking_uri": f"sqlite:///{tmp_path}/mlflow.db"})
    training = guanxi.train(source, params=params, engine="spark")
    same_models(training.served, served)
    assert training.usability.numbers["customers"] == 2357
    assert training.champion == training.version


def test_refused_in_one_line(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParamsError, match="engine is 'polars': give 'duckdb' or 'spark'"):
        guanxi.train(source, engine="polars")
    with pytest.raises(ParamsError, match="is not a path: name a Parquet file or folder"):
        guanxi.validate(datasets.load("cdnow-sample"), engine="spark")
    contracts = load_params(overrides=["task=contracts"])
    with pytest.raises(ParamsError, match="knows purchases only, not task=contracts"):
        guanxi.validate(source, params=contracts, engine="spark")
    costs = load_params(overrides=["relations.costs.source=costs.csv"])
    with pytest.raises(ParamsError, match="reads no relation tables, but costs is set"):
        guanxi.validate(source, params=costs, engine="spark")


@pytest.mark.parametrize("verb", ["validate", "train", "backtest", "monitor"])
def test_every_verb_has_the_option(verb, command):
    ended = command(verb, "nothing.csv", "--engine", "Spark", *(["-o", "b"] if verb == "backtest" else []))
    assert ended.code == 2
    assert "'Spark' is not one of 'duckdb', 'spark'" in ended.err


def test_one_row_per_customer_needs_no_spark(command):
    for verb, *more in (["train"], ["backtest", "-o", "b"]):
        ended = command(verb, "telco.csv", "--task", "labels", "--engine", "spark", *more)
        assert ended.code == 2
        assert "task labels has one row per customer: leave --engine out" in ended.err


@pytest.mark.slow
@pytest.mark.spark
class TestOtherCommands:
    @pytest.fixture
    def shop(self, first_run, monkeypatch):
        monkeypatch.chdir(first_run.folder)

    def test_validate(self, spark_session, source):
        one, other = (guanxi.validate(source, engine=engine) for engine in ("spark", "duckdb"))
        assert one.facts == other.facts
        assert one.numbers == other.numbers | {"spend": pytest.approx(other.numbers["spend"], rel=TOLERANCE)}
        assert one.rejected == other.rejected
        assert one.warnings == other.warnings

    def test_backtest(self, spark_session, source, quick_params):
        given = {"params": override(quick_params, {"clv.model": "bg_nbd"}), "cutoffs": ["1998-01-31"]}
        one, other = (guanxi.backtest(source, engine=engine, **given) for engine in ("spark", "duckdb"))
        for name in ("metrics", "differences", "choices", "grades", "deciles", "portfolio"):
            same(getattr(one.backtest, name), getattr(other.backtest, name))

    def test_monitor(self, spark_session, shop, source, quick_params):
        one, other = (
            guanxi.monitor(source, params=quick_params, engine=each) for each in ("spark", "duckdb")
        )
        assert one.verdict == other.verdict
        assert one.facts == other.facts
        assert one.shares == other.shares
        same(one.drift, other.drift)

    def test_predictions_of_others_are_refused_for_a_sample(
        self, spark_session, shop, source, few_customers, first_run
    ):
        with pytest.raises(ParamsError, match="only a sample of 800 customers is here: leave --predictions"):
            guanxi.monitor(source, predictions=str(first_run.output / "predictions.parquet"), engine="spark")


@pytest.fixture
def few_customers(monkeypatch):
    """Only 800 customers may come here."""
    monkeypatch.setattr(_opened_log, "MOST_CUSTOMERS", 800)


@pytest.mark.slow
@pytest.mark.spark
def test_the_value_models_of_a_sample_are_those_of_all(
    spark_session, source, sample_log, quick_params, few_customers, tmp_path
):
    given = {"mlflow.tracking_uri": f"sqlite:///{tmp_path}/mlflow.db", "clv.model": "bg_nbd"}
    params = override(quick_params, given)
    training = guanxi.train(source, params=params, engine="spark")
    every = fit_models(sample_log, sample_log.last_day, params)
    assert len(training.served.features) == 800
    for name, model in every.transactions.items():
        assert training.served.transactions[name].params_ == pytest.approx(model.params_, rel=TOLERANCE)
    assert training.served.spend.params_ == pytest.approx(every.spend.params_, rel=TOLERANCE)
    assert training.served.model.limits == every.model.limits
    totals = training.totals[training.totals["segment"].isna()].set_index("target")
    forecast = training.served.scorer.forecast(training.served.features, params.horizon_days)
    expected = forecast["expected_purchases"].sum() * 2357 / 800
    assert totals.loc["purchases", "expected"] == pytest.approx(expected, rel=TOLERANCE)
    assert (totals["customers"] == 2357).all()
    assert "a sample of 800, each of which stands for 2.95 in the totals" in training.fit_notes[0]


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::UserWarning")  # the findings of this log, which other tests hold
def test_online_retail(spark_session, shared_data, tmp_path, monkeypatch):
    """All its dirt in: 1,067,371 lines, refunds, repeats, lines without a customer."""
    monkeypatch.chdir(tmp_path)
    columns = {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"}
    given = ["data.duplicates=drop", 'data.duplicates_ignore=["sheet"]', "churn.snapshot_spacing_days=100"]
    params = load_params(None, given, {"data.columns": columns | {"order_id": "Invoice"}})
    source = str(shared_data / "online_retail_ii.parquet")
    one, other = (guanxi.train(source, params=params, engine=engine) for engine in ("spark", "duckdb"))
    same_models(one.served, other.served)
    same(one.holdout.metrics, other.holdout.metrics)
    same(one.totals, other.totals)
    spend = pytest.approx(other.usability.numbers["spend"], rel=TOLERANCE)
    numbers = other.usability.numbers | {"spend": spend, "findings": one.usability.numbers["findings"]}
    assert one.usability.numbers == numbers
