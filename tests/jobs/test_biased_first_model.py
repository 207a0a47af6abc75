"""A first model whose totals are far off stays candidate, and says why."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pandas as pd
import pytest

import guanxi
from guanxi.data.datasets import load_cdnow_sample


@pytest.mark.slow
def test_one_absurd_amount_makes_no_champion_until_it_is_left_out(command: Any, tmp_path: Any) -> None:
    table = load_cdnow_sample()
    table.loc[1000, "amount"] = 9_999_999.0
    table.to_csv(tmp_path / "sales.csv", index=False)
    given = ("--horizon", "60", "--set", "churn.snapshot_spacing_days=400")

    ended = command("run", "sales.csv", *given)
    assert ended.code == 0, ended.err
    assert "spend      grade C" in ended.out
    assert "version 1 is candidate; there is no champion yet, because its totals are far off" in ended.out
    assert "--set data.max_amount=510 (line 1,001: 9,999,999)" in ended.err
    assert not (tmp_path / "models").exists()
    assert pd.read_parquet(tmp_path / "output" / "predictions.parquet")["customer_id"].is_unique
    page = (tmp_path / "output" / "report.html").read_text(encoding="utf-8")
    assert "data.max_amount=510" in page

    ended = command("promote")
    assert ended.code == 1
    assert re.search(r"version 1 of guanxi is not promoted, no champion yet: \S", ended.error)
    assert ended.error.endswith(
        "; to use it all the same, name it, as in guanxi predict --model models:/guanxi/1, "
        "or give it the alias champion in mlflow ui"
    )
    ended = command("predict", "sales.csv", "--model", "models:/guanxi/1", "-o", "scores.csv")
    assert ended.code == 0
    assert "Predictions of spend have grade C" in ended.err
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        guanxi.predict("sales.csv", model="models:/guanxi/1", drivers=0)
    assert any("Predictions of spend have grade C" in str(each.message) for each in caught)

    ended = command("run", "sales.csv", *given, "--set", "data.max_amount=510")
    assert "version 2 is candidate and, as the first, champion" in ended.out
    assert (tmp_path / "models" / "guanxi").is_dir()
