"""The examples in docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "guanxi"
MODULES = [
    ".".join(("guanxi", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]

# Nearly 500 examples, some of which fit models: minutes.
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where no params.yaml is
    done = doctest.testmod(importlib.import_module(name))
    assert done.failed == 0
