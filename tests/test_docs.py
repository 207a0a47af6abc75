"""The recipes of docs/: what can be checked of them without the scheduler, and links that lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from guanxi.errors import ParamsError
from guanxi.params import Params
from guanxi.scorecard.weights._weighting import Weighting, scorecard_tree, weight_indicators

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SCORECARD = (ROOT / "docs" / "scorecard.md").read_text(encoding="utf-8")
SCHEDULING = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_repository_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", text):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_and_yaml_are_well_formed(page):
    text = page.read_text(encoding="utf-8")
    for code in blocks(text, "python"):
        ast.parse(code.replace("…", "..."))
    for code in blocks(text, "yaml"):
        assert yaml.safe_load(code)


def play(script: str, folder: Path, answer: str) -> tuple[int, list[str]]:
    """Run a script in a folder where ``guanxi`` notes what it is asked, and ends as it is told.

    Gives how the script ended, and the arguments of each call.
    """
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n')
    program = programs / "guanxi"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{answer}\nexit 0\n')
    program.chmod(0o755)
    moved = script.replace("/srv/guanxi", str(folder))
    done = subprocess.run(["bash", "-c", moved], env=os.environ, capture_output=True, check=False)
    return done.returncode, (folder / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("verdict", "ends", "calls"),
    [
        (0, 0, ["monitor"]),
        (3, 0, ["monitor"]),
        (4, 0, ["monitor", "train", "promote"]),
        (1, 1, ["monitor"]),
        (2, 2, ["monitor"]),
    ],
)
def test_the_monthly_script_retrains_on_that_verdict_alone(tmp_path, verdict, ends, calls):
    (_, script) = blocks(SCHEDULING, "bash")
    code, called = play(script, tmp_path, f'[ "$1" = monitor ] && exit {verdict}')
    assert code == ends
    assert [line.split()[0] for line in called] == calls


@pytest.mark.parametrize(("refused", "ends", "calls"), [("false", 0, 1), ("[ $7 ]", 0, 2), ("true", 2, 2)])
def test_the_nightly_script_begins_anew_where_resuming_is_refused(tmp_path, refused, ends, calls):
    (script, _) = blocks(SCHEDULING, "bash")
    code, called = play(script, tmp_path, f"{refused} && exit 2")
    assert code == ends
    assert len(called) == calls
    assert [line.endswith("--resume") for line in called] == [True, False][:calls]


def weighed(settings: dict) -> Weighting:
    """Weigh as settings say, with customers of whom everything is known."""
    options = Params(**settings).scorecard
    tree = scorecard_tree(options.tree)
    values = np.random.default_rng(1).random((50, len(tree.leaves)))
    return weight_indicators(options.weights, tree, pd.DataFrame(values, columns=list(tree.leaves)))


def settings_with(word: str) -> dict:
    """Settings of the block that has the word."""
    [block] = [each for each in blocks(SCORECARD, "yaml") if word in each]
    return yaml.safe_load(block)


def test_settings_of_the_scorecard_are_taken():
    assert len([weighed(yaml.safe_load(block)) for block in blocks(SCORECARD, "yaml")]) == 11
    said = dict(re.findall(r"(\w+) (\d+\.\d)%", SCORECARD.partition("Here it gives")[2].split("```")[1]))
    assert {
        name: f"{weight:.1%}" for name, weight in weighed(settings_with("judgements:")).weights.items()
    } == {name: f"{weight}%" for name, weight in said.items()}
    [note] = weighed(settings_with("delphi")).notes
    assert note in " ".join(SCORECARD.split())


def test_the_refusal_of_a_contradiction_is_the_one_that_is_told():
    settings = settings_with("judgements:")
    goal = {"value": {"loyalty": 3, "satisfaction": "1/2"}, "loyalty": {"satisfaction": 3}}
    settings["scorecard"]["weights"] = {"judgements": {"ann": {"goal": goal}}}
    with pytest.raises(ParamsError) as refused:
        weighed(settings)
    assert f"guanxi: {refused.value}" in " ".join(SCORECARD.split())
