"""Decisions are tested where no model is registered."""

from __future__ import annotations

import contextlib

import pytest


@pytest.fixture(scope="module", autouse=True)
def folder_without_a_store(tmp_path_factory):
    with contextlib.chdir(tmp_path_factory.mktemp("work")):
        yield
