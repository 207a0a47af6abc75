"""The code of the documentation runs: Python as printed, settings and commands as far as they are read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.main import get_command

import guanxi
from guanxi import cli
from guanxi.params import Params

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# Run in tests of their own, or in need of Airflow.
ELSEWHERE = {"start.md", "serving.md", "spark.md", "scheduling.md"}
SLOW = {"README.md", "python.md", "uplift.md"}
WITH_CHAMPION = {"compare.md", "profit.md", "model.md"}  # slow, too


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def new_customers(folder: Path) -> None:
    table = {
        "group_by": "channel",
        "group": ["search", "fair"],
        "clv": [50.0, 60.0],
        "clv_lower": [40.0, 45.0],
    }
    pd.DataFrame(table).to_csv(folder / "new.csv", index=False)


def points(folder: Path) -> None:
    earned = pd.DataFrame({"customer_id": range(40), "date": "2026-01-01", "earned": 100, "redeemed": 0})
    redeemed = earned.iloc[::2].assign(date="2026-01-31", earned=0, redeemed=60)
    pd.concat([earned, redeemed]).to_csv(folder / "points.csv", index=False)


def campaign(folder: Path) -> dict[str, Any]:
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "arm": random.choice(["mail", "control"], 2000),
            "recency": random.integers(1, 12, 2000),
            "history": random.gamma(2.0, 100.0, 2000),
            "channel": random.choice(["web", "phone"], 2000),
        }
    )
    rows["visit"] = (random.random(2000) < 0.1 + 0.1 * (rows["arm"] == "mail")).astype(int)
    rows.to_parquet(folder / "campaign.parquet")
    return {"customers": rows}


BEFORE: dict[str, Callable[[Path], dict[str, Any] | None]] = {
    "new-customers.md": new_customers,
    "loyalty.md": points,
    "uplift.md": campaign,
}


def run(page: Path, given: dict[str, Any]) -> None:
    """Run the Python blocks of a page one after the other, as someone who copies them does."""
    names = {"__name__": "__main__", **given}
    for number, code in enumerate(blocks(page, "python"), 1):
        exec(compile(code, f"{page.name} block {number}", "exec"), names)


def with_python(slow: bool) -> list[Path]:
    known = [page for page in PAGES if page.name not in ELSEWHERE and blocks(page, "python")]
    return [page for page in known if (page.name in SLOW) is slow and page.name not in WITH_CHAMPION]


@pytest.mark.parametrize("page", with_python(slow=False), ids=lambda page: page.name)
def test_python_runs_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page, BEFORE.get(page.name, lambda _: {})(tmp_path) or {})


@pytest.mark.slow
@pytest.mark.parametrize("page", with_python(slow=True), ids=lambda page: page.name)
def test_python_that_trains_runs_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(page, BEFORE.get(page.name, lambda _: {})(tmp_path) or {})


@pytest.mark.slow
def test_python_that_uses_a_champion_runs_as_printed(first_run, monkeypatch):
    monkeypatch.chdir(first_run.folder)
    run(ROOT / "docs" / "compare.md", {})
    run(ROOT / "docs" / "profit.md", {})
    guanxi.datasets.load_cdnow_sample().to_csv("sales.csv", index=False)
    page = ROOT / "docs" / "model.md"
    features, model = reversed(blocks(page, "python")), "sqlite:///mlruns/mlflow.db"
    names: dict[str, Any] = {}
    for code in features:  # the model is told before the features that it takes
        exec(code.replace("http://registry.example:5000", model), names)
    assert len(names["scores"]) == 2357


def commands(page: Path) -> list[list[str]]:
    """The calls of guanxi on a page, without comments; those with an ellipsis stand for several."""
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    calls = [
        shlex.split(line.partition("||")[0], comments=True) for line in lines if line.startswith("guanxi ")
    ]
    return [call[1:] for call in calls if "…" not in call]


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_commands_are_understood(page):
    known = get_command(cli.app).commands
    for name, *arguments in commands(page):
        assert known[name].make_context(name, arguments).params


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.name)
def test_settings_are_taken(page):
    for block in blocks(page, "yaml"):
        settings = yaml.safe_load(block)
        if "jobs" in settings:  # of a scheduler
            continue
        known = set(settings) <= set(Params.model_fields)
        Params(**settings) if known else Params(scorecard=settings)
