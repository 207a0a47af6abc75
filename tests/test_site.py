"""The documentation site builds without a warning, and its first example computes what it says."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_first_five_minutes_end_with_the_number_that_is_told():
    (code,), (told,) = blocks("start.md", "python"), blocks("start.md", "text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "start.md", "exec"), {})
    assert printed.getvalue() == told


# 35 s of computing.
@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_asks_for_nothing_outside(tmp_path):
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--quiet", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 100
    loaded = re.compile(r'<(?:script|img|link)[^>]+(?:src|href)="(https?:[^"]+)"')
    assert [link for page in pages for link in loaded.findall(page.read_text(encoding="utf-8"))] == []
