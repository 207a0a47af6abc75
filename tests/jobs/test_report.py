"""``guanxi report``: the page of a run made again, without training."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import guanxi
from guanxi.errors import DataError, ParamsError, SourceError
from guanxi.jobs.report import params_of_run
from guanxi.params import override


@pytest.fixture
def there(first_run: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the first run, in which the test works."""
    monkeypatch.chdir(first_run.folder)
    return Path("output")


def test_the_same_parameters_make_the_same_page(there: Path, tmp_path: Path) -> None:
    again = guanxi.report(there, tmp_path / "again.html")
    assert again.read_bytes() == (there / "report.html").read_bytes()


@pytest.mark.slow
def test_another_language_and_currency(there: Path, tmp_path: Path, command: Any) -> None:
    page = tmp_path / "zh.html"
    given = ("report", "--language", "zh", "--set", "report.currency=GBP", "-o", str(page))
    ended = command(*given, folder=there.parent.absolute())
    assert (ended.code, ended.out) == (0, f"{page}\n"), ended.err
    html = page.read_text(encoding="utf-8")
    assert '<html lang="zh' in html
    assert "GBP" in html
    # No sentence of ours is left in English, neither of the drivers nor of the grades.
    said = json.loads((there / "page" / "page.json").read_text(encoding="utf-8"))["facts"]["warnings"]
    assert not any(sentence in html for sentence in said["en"] if sentence not in said["zh"])
    assert "purchases expected" not in html


@pytest.mark.slow
def test_other_costs_and_another_playbook(there: Path, tmp_path: Path) -> None:
    rule = {"when": {}, "action": "Send a letter of thanks", "channel": "letter", "cost": 2.5}
    action = {"action": "call", "channel": "phone", "cost": 5, "save_rate": 0.2}
    params = override(params_of_run(there), {"playbook": [rule], "plan.actions": [action]})
    html = guanxi.report(there, tmp_path / "plan.html", params=params).read_text(encoding="utf-8")
    assert "Send a letter of thanks" in html
    assert 'id="plan"' in html


def test_what_the_model_depends_on_cannot_be_changed(there: Path, command: Any, tmp_path: Path) -> None:
    ended = command("report", "output", "--set", "clv.margin=0.3", folder=there.parent.absolute())
    assert ended.code == 2
    assert "clv.margin is 0.3, but the model of the page was trained with 1.0" in ended.error


def test_other_data_are_refused(there: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not what the run read"):
        guanxi.report(there, tmp_path / "page.html", source="cdnow")


def test_a_folder_without_a_run_and_a_damaged_one(there: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=re.escape("has no page/page.json")):
        guanxi.report(tmp_path)
    shutil.copytree(there / "page", tmp_path / "page")
    (tmp_path / "page" / "page.json").write_text('{"guanxi": "0"}', encoding="utf-8")
    with pytest.raises(SourceError, match="cannot be read"):
        guanxi.report(tmp_path)


def test_only_pages_are_written(there: Path) -> None:
    with pytest.raises(ParamsError, match=r"\.html"):
        guanxi.report(there, "page.pdf")


@pytest.mark.slow
def test_tables_from_python_have_to_be_given_again(there: Path, tmp_path: Path) -> None:
    shutil.copytree(there / "page", tmp_path / "page")
    path = tmp_path / "page" / "page.json"
    document = json.loads(path.read_text(encoding="utf-8")) | {"source": "the table"}
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ParamsError, match="give it again as source"):
        guanxi.report(tmp_path)
    table = guanxi.datasets.load_cdnow_sample()
    assert isinstance(table, pd.DataFrame)
    assert guanxi.report(tmp_path, source=table).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
