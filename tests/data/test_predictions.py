"""Prediction tables read back: what ``guanxi predict`` wrote, and what it did not."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from guanxi.data.predictions import read_predictions
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": ["0001", "0002", "0003"],
            "as_of": date(1998, 1, 31),
            "horizon_days": 60,
            "churn_probability": [0.5, 0.25, 1.0],
            "expected_purchases": [1.0, 2.0, 0.0],
            "expected_spend": [10.0, 20.0, 0.1],
            "model_version": "2",
        }
    )


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_files_hold_the_same(tmp_path, name):
    path = tmp_path / name
    table().to_parquet(path) if name.endswith("parquet") else table().to_csv(path, index=False)
    found = read_predictions(str(path), DataParams())
    assert (found.as_of, found.horizon_days, found.model_version) == (date(1998, 1, 31), 60, "2")
    columns = ["customer_id", "churn_probability", "expected_purchases", "expected_spend"]
    pd.testing.assert_frame_equal(found.table, table()[columns], check_dtype=False)


def test_a_folder_of_parts(tmp_path):
    folder = tmp_path / "scores"
    folder.mkdir()
    for number, part in enumerate([table()[:1], table()[1:]]):
        part.to_parquet(folder / f"part-{number}.parquet")
    (folder / "_manifest.json").write_text("{}")
    assert len(read_predictions(str(folder), DataParams()).table) == 3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda rows: rows.drop(columns="churn_probability"), SourceError, "no column 'churn_probability'"),
        (lambda rows: rows.iloc[:0], DataError, "has no row"),
        (lambda rows: pd.concat([rows, rows]), DataError, "a customer appears twice"),
        (lambda rows: rows.assign(expected_purchases="many"), DataError, "a value is missing"),
        (lambda rows: rows.assign(model_version=list("112")), DataError, r"of model_version \(1 to 2\)"),
        (lambda rows: rows.assign(as_of="soon"), DataError, "are not a date and a number of days"),
        (lambda rows: rows.assign(horizon_days="long"), DataError, "are not a date and a number of days"),
    ],
)
def test_tables_that_predict_did_not_write(tmp_path, change, error, message):
    path = tmp_path / "other.csv"
    change(table()).to_csv(path, index=False)
    with pytest.raises(error, match=message) as raised:
        read_predictions(str(path), DataParams())
    assert str(path) in str(raised.value)
