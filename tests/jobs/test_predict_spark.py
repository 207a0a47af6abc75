"""``guanxi predict --engine spark``: the prediction table of DuckDB, from Spark's workers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data import datasets
from guanxi.errors import EngineError, GuanxiError, HistoryError, OutputError, ParamsError, RegistryError
from guanxi.jobs.predict_spark import predict_spark
from guanxi.params import load_params

pytestmark = [
    # PySpark 4.0 leaves the sockets open through which rows came here.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    # In a fifth of the sample one customer has a tenth of the value.
    pytest.mark.filterwarnings("ignore:customer '1901' alone has:UserWarning"),
]

NUMBERS, EFFECTS = 1e-9, 1e-4


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Every column equal: numbers to 1e-9, the drivers' effects to 1e-4, the rest exactly; in any order."""
    assert list(one.columns) == list(other.columns)
    one, other = (table.sort_values("customer_id", ignore_index=True) for table in (one, other))
    for name in one.columns:
        if pd.api.types.is_numeric_dtype(one[name]):
            tolerance = EFFECTS if name.endswith("_effect") else NUMBERS
            np.testing.assert_allclose(one[name], other[name], rtol=tolerance, atol=0, err_msg=name)
        else:
            left, right = (
                [None if pd.isna(value) else value for value in table[name]] for table in (one, other)
            )
            assert left == right, name


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    return datasets.load("cdnow-sample")


@pytest.fixture
def source(lines, tmp_path):
    """A folder of three Parquet files with every fifth customer."""
    folder = tmp_path / "sales [a]"
    folder.mkdir()
    some = lines[lines["customer_id"].isin(sorted(lines["customer_id"].unique())[::5])]
    for i in range(3):
        some.iloc[i::3].to_parquet(folder / f"part {i}.parquet")
    return folder


@pytest.fixture
def shop(first_run, monkeypatch):
    """The folder of the first run, as the working folder."""
    monkeypatch.chdir(first_run.folder)
    return first_run


@pytest.mark.spark
@pytest.mark.slow
def test_command_gives_the_predictions_of_duckdb_and_leaves_nothing_else(first_run, source, console_script):
    before = sorted(first_run.folder.iterdir())
    given = ["predict", str(source), "--engine", "spark", "-o", "scores", "--as-of", "1998-06-30"]
    # Short jobs gain nothing from Java's slower, better compiler.
    ended = console_script(first_run.folder, *given, JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1")
    assert ended.code == 0, ended.err
    assert ended.out == "472 customers scored as of 1998-06-30: scores\n"
    assert "warning: the data ends on 1998-06-27, 3 days before 1998-06-30" in ended.err
    assert len(ended.err.splitlines()) <= 7, ended.err
    folder = first_run.folder / "scores"
    assert sorted(first_run.folder.iterdir()) == sorted([*before, folder])
    assert {path.suffix for path in folder.iterdir()} == {".json", ".parquet"}
    table = pd.read_parquet(folder)
    own = first_run.predictions
    same(table, own[own["customer_id"].isin(table["customer_id"])])
    manifest = json.loads((folder / "_manifest.json").read_text())
    assert manifest["rows"] == len(table) == 472
    assert manifest["lines_read"] == sum(pd.read_parquet(path).shape[0] for path in source.iterdir())
    assert manifest["model_version"] == table["model_version"].iloc[0]
    shutil.rmtree(folder)


class TestRefused:
    """Before Java starts, in one line."""

    @pytest.mark.parametrize(
        ("given", "output", "message"),
        [
            ("cdnow", "scores", "reads Parquet only"),
            ("duckdb://a.db::sales", "scores", "reads Parquet only"),
            ("postgres://me:secret@host/db::sales", "scores", r"me:\*\*\*@host.*reads Parquet only"),
            ("lines.csv", "scores", "reads Parquet only"),
            ("nothing/", "scores", "no such file"),
            ("sales [a]", "scores.parquet", "writes a Parquet folder: name one, without an extension"),
            ("sales [a]", "duckdb://a.db::scores", "writes a Parquet folder: name one, without an extension"),
            ("sales [a]", "lines.csv/scores", "it is a file"),
            ("sales [a]", "sales [a]", "contains 'part 0.parquet', which guanxi did not write"),
        ],
    )
    def test_sources_and_outputs(self, source, given, output, message, monkeypatch):
        monkeypatch.chdir(source.parent)
        Path("lines.csv").write_text("customer_id,timestamp,amount\n")
        with pytest.raises(GuanxiError, match=message) as refused:
            predict_spark(given, output)
        assert "\n" not in str(refused.value)
        assert "secret" not in str(refused.value)

    def test_a_format_of_times(self, source):
        params = load_params(overrides=["data.timestamp_format=%d/%m/%Y"])
        with pytest.raises(ParamsError, match="does not read"):
            predict_spark(str(source), "scores", params=params)

    def test_no_pyspark(self, source, monkeypatch):
        monkeypatch.setitem(sys.modules, "pyspark.sql", None)
        with pytest.raises(EngineError, match=r"needs PySpark .* pip install 'guanxi\[spark\]'"):
            predict_spark(str(source), "scores")

    @pytest.mark.parametrize(
        ("says", "message"),
        [
            ('openjdk version "11.0.2" 2019-01-15', "needs Java 17, and .* is Java 11: install Java 17"),
            ('java version "1.8.0_292"', "is Java 8: install"),
            ("Segmentation fault", "does not run: install"),
            (None, "No such file.*install"),
        ],
    )
    def test_another_java(self, source, tmp_path, monkeypatch, says, message):
        home = tmp_path / "java"
        if says is not None:
            (home / "bin").mkdir(parents=True)
            (home / "bin" / "java").write_text(f"#!/bin/sh\necho '{says}' >&2\n")
            (home / "bin" / "java").chmod(0o755)
        monkeypatch.setenv("JAVA_HOME", str(home))
        with pytest.raises(EngineError, match=message):
            predict_spark(str(source), "scores")

    def test_spark_connect(self, source, monkeypatch):
        monkeypatch.setenv("SPARK_REMOTE", "sc://localhost")
        with pytest.raises(EngineError, match="unset SPARK_REMOTE"):
            predict_spark(str(source), "scores")

    def test_no_java(self, source, monkeypatch, tmp_path):
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(EngineError, match="which was not found: install Java 17"):
            predict_spark(str(source), "scores")


@pytest.mark.slow
@pytest.mark.spark
class TestInARunningSession:
    """As in a notebook, with a session that somebody else uses too."""

    @pytest.fixture
    def predict(self, spark_session, shop, source, tmp_path):
        def call(*, given=source, output="scores", **more):
            manifest = predict_spark(str(given), str(tmp_path / output), **more)
            return manifest, pd.read_parquet(tmp_path / output)

        return call

    def test_day_horizon_and_drivers(self, predict, source):
        given = {"as_of": "1997-06-30", "horizon_days": 30, "drivers": 5}
        manifest, table = predict(**given)
        same(table, guanxi.predict(str(source), **given))
        assert (manifest.as_of, manifest.horizon_days) == ("1997-06-30", 30)

    def test_no_drivers(self, predict, source):
        _, table = predict(drivers=0)
        same(table, guanxi.predict(str(source), drivers=0))

    def test_an_exported_model_and_a_glob(self, predict, source, shop):
        model = str(shop.folder / "models" / "guanxi")
        _, table = predict(given=source.parent / "*" / "part ?.parquet", model=model)
        same(table, guanxi.predict(str(source), model=model))

    def test_session_keeps_its_settings_and_goes_on(self, predict, spark_session):
        before = spark_session.conf.get("spark.sql.timestampType")
        zone = spark_session.conf.get("spark.sql.session.timeZone")
        predict(params=load_params(overrides=["data.timezone=UTC"]))
        assert spark_session.conf.get("spark.sql.timestampType") == before
        assert spark_session.conf.get("spark.sql.session.timeZone") == zone
        assert not spark_session.catalog.listTables()
        assert spark_session.range(3).count() == 3

    def test_earlier_result_is_replaced_whole(self, predict, tmp_path):
        predict()
        first = sorted((tmp_path / "scores").iterdir())
        _, table = predict(as_of="1997-06-30")
        second = sorted((tmp_path / "scores").iterdir())
        assert len(set(first) & set(second)) == 1  # the manifest's name
        assert set(map(str, table["as_of"])) == {"1997-06-30"}
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_failure_in_a_worker_leaves_the_earlier_result(self, predict, tmp_path, monkeypatch):
        from guanxi.registry import spark

        predict()
        before = {path: path.read_bytes() for path in (tmp_path / "scores").iterdir()}
        monkeypatch.setattr(spark, "_packed", lambda loaded: b"no archive")
        with pytest.raises(EngineError, match=r"Spark failed: .*not a zip file") as failed:
            predict()
        assert "\n" not in str(failed.value)
        assert {path: path.read_bytes() for path in (tmp_path / "scores").iterdir()} == before
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_day_before_the_data_and_missing_features(self, predict, lines, tmp_path):
        with pytest.raises(HistoryError, match="nobody had bought by 1990-01-01"):
            predict(as_of="1990-01-01")
        lines.drop(columns="quantity").to_parquet(tmp_path / "few.parquet")
        with pytest.raises(RegistryError, match=r"needs features .*quantity_mean"):
            predict(given=tmp_path / "few.parquet")
        assert not (tmp_path / "scores").exists()

    def test_findings_are_shown(self, predict, lines, tmp_path):
        dirty = lines.assign(customer_id=lines["customer_id"].mask(lines.index % 10 == 0))
        dirty.to_parquet(tmp_path / "dirty.parquet")
        with pytest.warns(UserWarning, match=r"^10\.0% of the lines \(692\).* because no customer is given"):
            predict(given=tmp_path / "dirty.parquet")

    def test_a_log_without_amounts(self, predict, lines, tmp_path, monkeypatch):
        visits = lines[["customer_id", "timestamp"]]
        visits.to_parquet(tmp_path / "visits.parquet")
        without = pytest.warns(UserWarning, match="no column is mapped to amount")
        with without, pytest.raises(RegistryError, match=r"this data does not provide \(.*monetary_value"):
            predict(given=tmp_path / "visits.parquet")
        assert not (tmp_path / "scores").exists()
        monkeypatch.chdir(tmp_path)
        quick = load_params(None, ["horizon_days=60", "churn.snapshot_spacing_days=400"])
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            guanxi.train(visits, params=quick)
            _, table = predict(given=tmp_path / "visits.parquet")
            own = guanxi.predict(visits)
        same(table, own)
        assert table[["monetary_value", "clv", "expected_spend"]].isna().all(axis=None)

    def test_a_file_in_the_place_of_the_output(self, predict, tmp_path):
        (tmp_path / "scores").write_text("")
        with pytest.raises(OutputError, match="is a file"):
            predict()

    def test_mlflow_scores_features_with_its_own_function(
        self, spark_session, shop, source, store, monkeypatch
    ):
        """The recipe of docs/spark.md for those who have features already."""
        import mlflow

        from guanxi.data.transactions import read_transactions
        from guanxi.features.snapshots import features_at
        from guanxi.registry.loaded_model import load_model

        log = read_transactions(str(source))
        loaded = load_model("models:/guanxi@champion", store)
        features = features_at(log, log.last_day, loaded.window_days)
        frame = spark_session.createDataFrame(features[["customer_id", *loaded.features]])
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
        result = "struct<probability_alive: double, clv: double, churn_probability: double, driver_1: string>"
        function = mlflow.pyfunc.spark_udf(
            spark_session,
            "models:/guanxi@champion",
            result_type=result,
            env_manager="local",
            params={"as_of": log.last_day.isoformat()},
        )
        scored = frame.select("customer_id", function(*loaded.features).alias("scores"))
        flat = scored.select("customer_id", "scores.*")
        table = pd.DataFrame(map(tuple, flat.collect()), columns=flat.columns)
        own = guanxi.predict(str(source))
        same(table, own[["customer_id", "probability_alive", "clv", "churn_probability", "driver_1"]])


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::UserWarning")  # the findings of this log, which other tests hold
def test_online_retail(spark_session, shared_data, tmp_path, monkeypatch):
    """All its dirt in: 1,067,371 lines, refunds, repeats, lines without a customer."""
    monkeypatch.chdir(tmp_path)
    source = str(shared_data / "online_retail_ii.parquet")
    columns = {"customer_id": "CustomerID", "timestamp": "InvoiceDate", "amount": "Quantity*Price"}
    given = ["data.duplicates=drop", 'data.duplicates_ignore=["sheet"]', "churn.snapshot_spacing_days=100"]
    params = load_params(None, given, {"data.columns": columns | {"order_id": "Invoice"}})
    guanxi.train(source, params=params)
    model = "models:/guanxi@candidate"
    manifest = predict_spark(source, "scores", model=model, params=params)
    own = guanxi.predict(source, model=model, params=params)
    assert manifest.rows == len(own) == 5873
    assert manifest.rejected_by_rule == {
        "duplicate_line": 23_698,
        "missing_customer": 243_007,
        "refund_beyond_purchase": 13_882,
    }
    same(pd.read_parquet("scores"), own)


ELSEWHERE = """
import importlib.abc, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "guanxi":
            raise ImportError("guanxi is not installed here")

sys.meta_path.insert(0, Refuse())
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import cloudpickle

function, features, output = sys.argv[1:]
with open(function, "rb") as file:
    scored = cloudpickle.load(file)
batches = pq.read_table(features).to_batches(max_chunksize=1000)
pq.write_table(pa.Table.from_batches(scored(iter(batches))), output)
"""


@pytest.mark.slow
def test_workers_need_no_guanxi(shop, store, sample_log, tmp_path):
    from pyspark import cloudpickle

    from guanxi.features.snapshots import features_at
    from guanxi.registry import spark
    from guanxi.registry.loaded_model import load_model

    loaded = load_model("models:/guanxi@champion", store)
    function = spark._scoring_function(
        spark._packed(loaded), {"drivers": 3}, loaded.version, spark._output_schema(loaded, {"drivers": 3})
    )
    (tmp_path / "function").write_bytes(cloudpickle.dumps(function))
    features = features_at(sample_log, sample_log.last_day, loaded.window_days)
    features.to_parquet(tmp_path / "features.parquet")
    paths = [str(tmp_path / name) for name in ("function", "features.parquet", "scores.parquet")]
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, *paths],
        env=os.environ | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    same(pd.read_parquet(tmp_path / "scores.parquet"), shop.predictions)
