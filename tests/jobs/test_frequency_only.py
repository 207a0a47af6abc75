"""A log without amounts: purchases and churn as with them, and everything about spend left out and said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import guanxi
from guanxi.data.transactions import read_transactions
from guanxi.data.usability import assess
from guanxi.errors import RegistryError, SourceError
from guanxi.features.snapshots import features_at
from guanxi.params import DataParams, parse_columns

OF_SPEND = ["monetary_value", "expected_spend", "clv", "clv_lower", "clv_upper", "value_at_risk"]
WITHOUT = "no column is mapped to amount"
QUICK = ("--horizon", "60", "--set", "churn.snapshot_spacing_days=400")


def visits() -> pd.DataFrame:
    return guanxi.datasets.load_cdnow_sample()[["customer_id", "timestamp"]]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, console_script: Callable[..., Any]) -> tuple[Path, Any]:
    """A folder in which ``guanxi run`` has run, and what the command said."""
    folder = tmp_path_factory.mktemp("visits")
    visits().to_csv(folder / "visits.csv", index=False)
    ended = console_script(folder, "run", "visits.csv", *QUICK)
    assert ended.code == 0, ended.err
    return folder, ended


class TestReading:
    def test_amounts_are_unknown_not_zero(self) -> None:
        log = read_transactions(visits())
        assert not log.has_amounts
        assert (log.lines_accepted, log.rejected_by_rule) == (6919, {})
        for table in (log.lines, log.events):
            assert table.amount.count().execute() == 0
        assert [(each.name, each.setting) for each in log.findings] == [
            ("no_amounts", "data.columns.amount=NAME")
        ]
        assert ("spend", "unknown: the data have no amounts") in assess(log, log.last_day, 60).facts
        assert assess(log, log.last_day, 60).numbers["spend"] is None

    def test_purchases_are_those_of_the_log_with_amounts(self) -> None:
        known = guanxi.rfm("cdnow-sample", cutoff="1997-09-30")
        found = guanxi.rfm(visits(), cutoff="1997-09-30")
        assert found["monetary_value"].isna().all()
        pd.testing.assert_frame_equal(
            found.drop(columns="monetary_value"), known.drop(columns="monetary_value")
        )

    def test_features_of_spend_are_missing(self, sample_log: Any) -> None:
        log = read_transactions(visits())
        found = features_at(log, log.last_day, 60)
        known = features_at(sample_log, log.last_day, 60).drop(columns=["quantity_mean", "quantity_last"])
        assert list(found.columns) == list(known.columns)
        missing = set(found.columns[found.isna().all()])
        assert missing >= {"monetary_value", "amount_mean", "spend_30", "spend_before_365", "refund_share"}
        assert not [name for name in missing if "purchases" in name or "gap" in name]

    def test_a_likely_column_is_proposed_and_not_passed_over_in_silence(self) -> None:
        table = visits().assign(total=12.5)
        with pytest.raises(SourceError, match=r"with --columns amount=total, or .* --columns amount=$"):
            read_transactions(table)
        assert not read_transactions(table, DataParams(columns=parse_columns("amount="))).has_amounts

    def test_findings_do_without_a_value(self) -> None:
        dirty = pd.concat([visits(), pd.DataFrame({"customer_id": ["x"] * 900, "timestamp": "1997-05-01"})])
        dirty = dirty.astype({"timestamp": "str"}).assign(
            customer_id=dirty["customer_id"].replace("0004", None)
        )
        log = read_transactions(dirty)
        found = {each.name: each for each in log.findings}
        assert {"missing_customer", "dominant_customer", "no_amounts"} <= found.keys()
        assert found["dominant_customer"].value is None
        assert not [str(each) for each in log.findings if "nan" in str(each) or "of the value" in str(each)]
        json.dumps(assess(log, log.last_day, 60).numbers, allow_nan=False)

    def test_a_column_that_is_named_must_exist(self) -> None:
        with pytest.raises(SourceError, match="no column 'total' for amount"):
            read_transactions(visits(), DataParams(columns={"amount": "total"}))


@pytest.mark.slow
class TestRun:
    def test_it_is_said_once(self, work: tuple[Path, Any]) -> None:
        _, ended = work
        assert ended.err.count("the data have no amounts") == 1
        assert "2,357 customers scored: worth unknown over the next 60 days" in ended.out
        assert "spend      grade" not in ended.out

    def test_predictions_keep_their_columns(self, work: tuple[Path, Any], first_run: Any) -> None:
        folder, _ = work
        table = pd.read_parquet(folder / "output" / "predictions.parquet")
        assert list(table.columns) == list(first_run.predictions.columns)
        assert table[OF_SPEND].isna().all(axis=None)
        others = table.drop(columns=[*OF_SPEND, *(name for name in table if name.startswith("driver_"))])
        assert others.notna().all(axis=None)
        assert table["churn_probability"].between(0, 1).all()

    def test_every_file_is_there_and_knows_no_spend(self, work: tuple[Path, Any]) -> None:
        folder, _ = work
        numbers = json.loads((folder / "output" / "metrics.json").read_text())
        assert set(numbers["holdout"]["metrics"]) == set(numbers["grades"]) == {"purchases", "churn"}
        assert {row["target"] for row in numbers["totals"]} == {"purchases"}
        page = (folder / "output" / "report.html").read_text()
        assert not re.search(r"\bnan\b", re.sub(r'"data:[^"]*"', "", page), re.IGNORECASE)


@pytest.fixture
def here(work: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(work[0])
    return work[0]


@pytest.mark.slow
class TestAfterwards:
    def test_a_log_with_amounts_gets_the_same_scores(self, here: Path) -> None:
        with pytest.warns(UserWarning, match=WITHOUT):
            scored = guanxi.predict(visits())
        known = guanxi.predict("cdnow-sample")
        assert known[OF_SPEND].isna().all(axis=None)
        pd.testing.assert_frame_equal(scored, known)

    def test_new_customers(self, here: Path) -> None:
        with pytest.warns(UserWarning, match=WITHOUT):
            table = guanxi.predict_new("visits.csv")
        assert (
            table[["first_order", "expected_spend", "clv", "repeat_clv", "clv_upper"]].isna().all(axis=None)
        )
        assert table["expected_purchases"].between(0.0, 1.0, inclusive="neither").all()

    def test_explain(self, here: Path) -> None:
        from guanxi.jobs.explain import explain

        with pytest.warns(UserWarning, match=WITHOUT):
            story = explain("0001", "visits.csv", "a.png")
        assert pd.isna(story.scores["clv"])

    def test_monitor(self, here: Path) -> None:
        with pytest.warns(UserWarning, match=WITHOUT):
            assert guanxi.monitor("visits.csv").exit_code in (0, 3, 4)

    def test_scorecard(self, here: Path, console_script: Callable[..., Any]) -> None:
        ended = console_script(here, "scorecard", "visits.csv", "-o", "card")
        assert ended.code == 0, ended.err

    def test_a_second_version_passes_the_gate(self, here: Path, console_script: Callable[..., Any]) -> None:
        ended = console_script(here, "run", "visits.csv", *QUICK, "-o", "again")
        assert ended.code == 0, ended.err
        assert "champion: it passed the gate" in ended.out


def test_a_model_of_amounts_needs_amounts(store: Any) -> None:
    without = pytest.warns(UserWarning, match=WITHOUT)
    with without, pytest.raises(RegistryError, match=r"this data does not provide \(monetary_value; "):
        guanxi.predict(guanxi.datasets.load_cdnow_sample().drop(columns="amount"))
