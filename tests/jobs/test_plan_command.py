"""``guanxi plan`` as a command: what it writes, logs, and refuses."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

CALL = '{"action": "call", "channel": "phone", "cost": 5, "save_rate": 0.2, "save_rate_interval": [0.1, 0.3]}'
LETTER = '{"action": "letter", "cost": 1, "save_rate": 0.06, "when": {"churn_probability": "> 0.3"}}'
COLUMNS = [
    *("customer_id", "date", "arm", "action", "channel", "cost"),
    *("expected_gain", "gain_lower", "gain_upper", "reason"),
]


def plan(command, first_run, folder, *settings):
    flags = [part for each in settings for part in ("--set", each)]
    return command("plan", "cdnow-sample", "-o", str(folder), *flags, folder=first_run.folder)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_plan_is_written_explained_and_logged(command, first_run, tmp_path, language):
    settings = [f"plan.actions=[{CALL}, {LETTER}]", "plan.budget=300", f"language={language}"]
    ended = plan(command, first_run, tmp_path / "plan", *settings)
    assert ended.code == 0, ended.err
    table = pd.read_parquet(tmp_path / "plan" / "plan.parquet")
    assert table.columns.tolist() == COLUMNS
    assert len(table) == table["customer_id"].nunique() == 2357
    assert set(table["arm"]) == {"treated", "holdout", "none"}
    assert 250 < table["cost"].sum() <= 300
    assert table["reason"].str.len().min() > 5
    page = (tmp_path / "plan" / "plan.html").read_text("utf-8")
    assert ("save rates are assumptions" if language == "en" else "挽留率是假设") in page
    document = json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))
    assert document["metrics"]["spend"] == pytest.approx(table["cost"].sum())
    assert document["metrics"]["power"] is not None
    assert document["settings"]["call.save_rate"] == 0.2
    assert document["settings"]["horizon_days"] == 60
    assert "These save rates are assumptions, not measurements: call 20.0" in ended.out
    assert re.search(r"call +\d+ +\d+", ended.out)
    sizes = table["arm"].value_counts()
    shares = f'{{"treated": {sizes["treated"]}, "holdout": {sizes["holdout"]}}}'
    assert f"--set 'campaign.shares={shares}'" in " ".join(ended.out.split())  # what to do next


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([], "there are no actions: name at least one in plan.actions"),
        (['plan.actions=[{"action": "call"}]'], "action 'call' has no effect: assume one with its save_rate"),
        ([f"plan.actions=[{CALL}]", "plan.budget=0"], "plan.budget = '0' is not valid"),
        (['plan.actions=[{"action": "call", "cost": -1}]'], "plan.actions #1.cost = -1 is not valid"),
        ([f"plan.actions=[{CALL}]", 'plan.channels={"fax": {"budget": 1}}'], "names 'fax', which no action"),
    ],
)
def test_what_cannot_be_planned_ends_in_one_line_with_nothing_written(
    command, first_run, tmp_path, settings, message
):
    ended = plan(command, first_run, tmp_path / "plan", *settings)
    assert ended.code == 2
    assert message in ended.err
    assert not (tmp_path / "plan").exists()


def test_a_minimum_above_the_customers_is_refused(command, first_run, tmp_path):
    many = CALL[:-1] + ', "minimum": 3000}'
    ended = plan(command, first_run, tmp_path / "plan", f"plan.actions=[{many}]")
    assert ended.code == 2
    assert "the minimum of call needs 3,334 customers with a holdout of 10%, and 2,357 may" in ended.err
    assert not (tmp_path / "plan" / "plan.parquet").exists()
