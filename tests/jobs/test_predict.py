"""Scoring with a registered model: any day, horizon, order and format."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from datetime import date

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.data import datasets
from guanxi.errors import HistoryError, ParamsError, RegistryError
from guanxi.params import load_params


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    return datasets.load("cdnow-sample")


@pytest.fixture
def predict(first_run, monkeypatch):
    """``guanxi.predict`` in the folder of the first run."""
    monkeypatch.chdir(first_run.folder)
    return guanxi.predict


def test_customers_unlike_those_of_the_training_are_told(predict, lines):
    dearer = lines.assign(amount=lines["amount"] * 5.0)
    with pytest.warns(UserWarning, match=r"differ from those of cdnow-sample .* features drifted"):
        predict(dearer)


def test_no_warning_of_a_library_reaches_the_caller(predict):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        predict("cdnow-sample")
    assert [str(each.message) for each in caught] == []


def test_drivers_are_told_in_the_language_asked_for(predict, first_run):
    """The model was trained in English; texts are made where they are written."""
    params = load_params(overrides=["language=zh"])
    chinese = predict("cdnow-sample", params=params, drivers=1)
    assert chinese["driver_1_text"].str.contains("[\u4e00-\u9fff]").all()
    pd.testing.assert_series_equal(
        chinese["driver_1_effect"], first_run.predictions["driver_1_effect"], check_exact=False, rtol=1e-9
    )


class TestDayAndHorizon:
    @pytest.mark.slow
    def test_earlier_day_reads_no_later_row(self, predict, lines):
        day = date(1997, 3, 1)
        early = predict(lines, as_of=day)
        cut = predict(lines[lines["timestamp"].dt.date <= day], as_of=day)
        pd.testing.assert_frame_equal(early, cut)
        firsts = lines.groupby("customer_id")["timestamp"].min().dt.date
        assert set(early["customer_id"]) == set(firsts.index[firsts <= day])
        assert len(early) < 2357
        assert set(early["as_of"]) == {day}

    @pytest.mark.slow
    def test_later_day_makes_everyone_older(self, predict, lines, first_run):
        with pytest.warns(UserWarning, match="the data ends on 1998-06-30, 184 days before 1998-12-31"):
            later = predict(lines, as_of="1998-12-31")
        now = first_run.predictions
        np.testing.assert_array_equal(later["T"], now["T"] + 184)
        assert (later["probability_alive"] <= now["probability_alive"] + 1e-12).all()

    @pytest.mark.slow
    def test_longer_horizon_is_worth_more_and_churns_less(self, predict, lines, first_run):
        longer, now = predict(lines, horizon_days=365), first_run.predictions
        assert set(longer["horizon_days"]) == {365}
        assert (longer["clv"] >= now["clv"]).all()
        assert (longer["churn_probability"] <= now["churn_probability"] + 1e-12).all()
        np.testing.assert_array_equal(longer["probability_alive"], now["probability_alive"])

    def test_day_before_the_data_is_refused(self, predict, lines):
        with pytest.raises(HistoryError, match="nobody had bought by 1990-01-01"):
            predict(lines, as_of="1990-01-01")

    @pytest.mark.parametrize("given", [{"as_of": "soon"}, {"horizon_days": 0}, {"drivers": 21}])
    def test_wrong_values_are_refused_in_python_too(self, predict, lines, given):
        with pytest.raises(ParamsError, match="is not valid"):
            predict(lines, **given)


class TestOrder:
    def test_order_and_index_of_the_lines_change_nothing(self, predict, lines, first_run):
        shuffled = predict(lines.sample(frac=1, random_state=1))
        pd.testing.assert_frame_equal(shuffled, first_run.predictions, rtol=1e-12)

    def test_scoring_some_customers_gives_their_rows(self, predict, lines, first_run):
        some = sorted(lines["customer_id"].unique())[::7]
        with pytest.warns(UserWarning, match="the data ends on 1998-06-27, 3 days before 1998-06-30"):
            part = predict(lines[lines["customer_id"].isin(some)], as_of="1998-06-30")
        whole = first_run.predictions.set_index("customer_id").loc[some].reset_index()
        pd.testing.assert_frame_equal(part, whole, rtol=1e-12)

    def test_integer_customers_stay_integers(self, predict, lines, first_run):
        table = predict(lines.assign(customer_id=lines["customer_id"].astype("int64")), drivers=0)
        assert table["customer_id"].dtype == np.dtype("int64")
        np.testing.assert_allclose(table["clv"], first_run.predictions["clv"], rtol=1e-12)


class TestFiles:
    def test_csv_and_parquet_hold_the_same(self, command, first_run, lines, tmp_path):
        source = tmp_path / "lines.csv"
        lines.to_csv(source, index=False)
        for name in ("scores.parquet", "scores.csv"):
            target = str(tmp_path / "new folder" / name)
            ended = command("predict", str(source), "-o", target, "--drivers", "5", folder=first_run.folder)
            assert ended.code == 0, ended.err
            assert ended.out == f"2,357 customers scored as of 1998-06-30: {target}\n"
        parquet = pd.read_parquet(tmp_path / "new folder" / "scores.parquet")
        text = pd.read_csv(tmp_path / "new folder" / "scores.csv", dtype={"customer_id": str})
        assert list(parquet.columns) == list(text.columns)
        assert "driver_5_text" in parquet.columns
        np.testing.assert_allclose(parquet["clv"], text["clv"], rtol=1e-12)
        assert parquet["customer_id"].tolist() == text["customer_id"].tolist()
        own = first_run.predictions
        pd.testing.assert_frame_equal(parquet[list(own.columns)], own, rtol=1e-12)

    def test_no_drivers(self, predict, lines):
        assert not [name for name in predict(lines, drivers=0).columns if name.startswith("driver_")]

    def test_from_the_exported_folder_without_a_store(self, first_run, lines, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        table = guanxi.predict(lines, model=str(first_run.folder / "models" / "guanxi"), drivers=0)
        np.testing.assert_allclose(table["clv"], first_run.predictions["clv"], rtol=1e-12)
        assert not list(tmp_path.iterdir())

    def test_killed_while_writing_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "scores.csv"
        path.write_text("old")
        program = """
import os, signal, sys
from pathlib import Path
from guanxi.data.sinks.files import write_atomically

def write(temporary):
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), write)
"""
        done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert done.returncode == -signal.SIGKILL
        assert path.read_text() == "old"


def test_a_feature_the_model_needs_and_the_data_lacks_is_named(predict, lines):
    with pytest.raises(RegistryError, match=r"needs features .*quantity_mean.*map the columns"):
        predict(lines.drop(columns="quantity"))


def test_data_rules_other_than_the_models_are_refused(predict):
    params = load_params(overrides=["data.event_grain=W"])
    with pytest.raises(ParamsError, match=r"trained with data\.event_grain=D, not W: add --set data"):
        predict("cdnow-sample", params=params)
