"""The commit of the working folder is read without running any program that the folder names."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from guanxi.registry.log import _git_tags


def git(folder: Path, *arguments: str) -> None:
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    subprocess.run(["git", *me, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init")
    (folder / "a.txt").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    monkeypatch.chdir(folder)
    return folder


def test_commit_and_changes(repository):
    tags = _git_tags()
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["guanxi.git_dirty"] == "false"
    (repository / "a.txt").write_text("b")
    assert _git_tags()["guanxi.git_dirty"] == "true"


@pytest.mark.parametrize(
    "setting", ["core.fsmonitor", "filter.x.clean", "filter.x.process", "core.hooksPath"]
)
def test_no_program_of_the_folder_is_run(repository, tmp_path, setting):
    ran, program = tmp_path / "ran", tmp_path / "hooks" / "post-index-change"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{ran}'\ncat\n")
    program.chmod(0o755)
    git(repository, "config", setting, str(program.parent if setting == "core.hooksPath" else program))
    (repository / ".gitattributes").write_text("*.txt filter=x\n")
    (repository / "a.txt").write_text("c")
    assert _git_tags()["mlflow.source.git.commit"]
    assert not ran.exists()
    git(repository, "status")
    if setting != "core.hooksPath":
        assert ran.exists()  # what would have happened
