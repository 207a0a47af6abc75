"""``guanxi predict --new`` with the registered model of the first run."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import guanxi
from guanxi.errors import HistoryError, ParamsError
from guanxi.params import Params, load_params

COLUMNS = (
    *("group_by", "group", "customers", "horizon_days", "first_order", "expected_purchases"),
    *("expected_spend", "clv", "repeat_clv", "clv_lower", "clv_upper", "model_version", "as_of"),
)


@pytest.fixture
def predict_new(first_run: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``guanxi.predict_new`` in the folder of the first run."""
    monkeypatch.chdir(first_run.folder)
    return guanxi.predict_new


@pytest.fixture(scope="module")
def lines() -> pd.DataFrame:
    return guanxi.datasets.load_cdnow_sample()


def test_command_writes_what_python_returns(
    command: Any, predict_new: Any, first_run: Any, tmp_path: Path
) -> None:
    table = predict_new("cdnow-sample", horizon_days=365)
    for name in ("new.csv", "new.parquet"):
        ended = command(
            *("predict", "cdnow-sample", "--new", "--horizon", "365", "-o", str(tmp_path / name)),
            folder=first_run.folder,
        )
        assert ended.code == 0, ended.err
    assert ended.out.startswith("a new customer as of 1998-06-30: ")
    assert "repeat purchases within 365 days, worth " in ended.out
    written = pd.read_parquet(tmp_path / "new.parquet")
    assert tuple(written.columns) == tuple(table.columns) == COLUMNS
    assert written["group_by"].tolist() == ["all", "month", "month", "month"]
    assert written["group"].tolist() == ["all", "1997-01", "1997-02", "1997-03"]
    assert written["customers"].tolist()[0] == written["customers"][1:].sum() == 2357
    assert set(written["as_of"]) == {date(1998, 6, 30)}
    np.testing.assert_allclose(written["clv"], table["clv"])
    np.testing.assert_allclose(pd.read_csv(tmp_path / "new.csv")["clv_upper"], table["clv_upper"])
    manifest = json.loads((tmp_path / "new.csv.manifest.json").read_text())
    assert (manifest["rows"], manifest["model_version"], manifest["horizon_days"]) == (4, "1", 365)
    assert not list(tmp_path.glob(".*"))


def test_horizon_is_that_of_the_model_by_default(predict_new: Any, lines: pd.DataFrame) -> None:
    assert set(predict_new(lines)["horizon_days"]) == {60}


@pytest.mark.slow
def test_no_row_after_the_day_is_read(predict_new: Any, lines: pd.DataFrame) -> None:
    day = date(1997, 9, 30)
    cut = lines[lines["timestamp"].dt.date <= day]
    pd.testing.assert_frame_equal(predict_new(lines, as_of=day), predict_new(cut, as_of=day))


@pytest.mark.slow
def test_channels_and_attributes(predict_new: Any, lines: pd.DataFrame, tmp_path: Path) -> None:
    customers = pd.DataFrame({"customer_id": sorted(lines["customer_id"].unique())})
    plan = np.where(np.arange(len(customers)) % 3 == 0, "gold", "plain")
    customers.assign(plan=plan).to_csv(tmp_path / "customers.csv", index=False)
    params = Params(relations={"customers": {"source": str(tmp_path / "customers.csv")}})
    channel = np.where(lines["customer_id"].astype(int) % 2 == 0, "web", "shop")
    table = predict_new(lines.assign(channel=channel), params=params).set_index(["group_by", "group"])
    assert table.loc["channel"].index.tolist() == ["shop", "web"]
    assert table.loc["plan", "customers"].to_dict() == {"gold": 786, "plain": 1571}


def test_a_day_before_the_data_is_refused(predict_new: Any, lines: pd.DataFrame) -> None:
    with pytest.raises(HistoryError, match="nobody had bought by 1990-01-01"):
        predict_new(lines, as_of="1990-01-01")


def test_other_data_rules_are_refused(predict_new: Any) -> None:
    with pytest.raises(ParamsError, match=r"trained with data\.event_grain=D, not W"):
        predict_new("cdnow-sample", params=load_params(overrides=["data.event_grain=W"]))


@pytest.mark.parametrize("option", [["--resume"], ["--drivers", "2"], ["--engine", "spark"]])
def test_options_that_have_no_meaning_are_refused(command: Any, first_run: Any, option: list[str]) -> None:
    ended = command("predict", "cdnow-sample", "--new", "-o", "new.csv", *option, folder=first_run.folder)
    assert ended.code == 2
    assert "--new goes without" in ended.err
