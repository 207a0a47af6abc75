"""The recipes of docs/: what can be checked of them without the scheduler, and links that lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
    """The script itself, in a folder where ``guanxi`` only notes what it is asked and ends as it is told."""
    (_, script) = blocks(SCHEDULING, "bash")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f'PATH="{programs}:$PATH"\n')
    program = programs / "guanxi"
    program.write_text(
        f'#!/bin/sh\necho "$1" >> {tmp_path}/calls\n[ "$1" = monitor ] && exit {verdict}\nexit 0\n'
    )
    program.chmod(0o755)
    moved = script.replace("/srv/guanxi", str(tmp_path))
    done = subprocess.run(["bash", "-c", moved], env=os.environ, capture_output=True, check=False)
    assert done.returncode == ends, done.stderr
    assert (tmp_path / "calls").read_text().split() == calls
