"""Progress: which step of how many, what is done inside it, and who hears warnings."""

from __future__ import annotations

import re
import sys

import pytest

import guanxi
from guanxi.jobs.reporter import ConsoleReporter, Reporter, reporter_of


def test_where_nothing_moves_a_step_is_a_line(capsys):
    shown = ConsoleReporter()
    shown.expect(2)
    with shown.step("read [bold]x[/bold].csv") as step:
        step.detail("unseen")
    with shown.step("compare", extra=True):
        pass
    with shown.step("write"):
        pass
    assert re.sub(r"\d\.\d s", "…", capsys.readouterr().err).splitlines() == [
        "step 1 of 2: read [bold]x[/bold].csv …",
        "step 2 of 3: compare …",
        "step 3 of 3: write …",
    ]


def test_colours_that_are_forced_move_nothing(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    with ConsoleReporter().step("score"):
        pass
    assert re.fullmatch(r"step 1: score \d\.\d s\n", re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().err))


def test_the_outermost_job_knows_how_many_steps_there_are(capsys):
    shown = ConsoleReporter()
    with shown.step("alone"):
        pass
    shown.expect(3)
    shown.expect(1)
    with shown.step("second"):
        pass
    said = capsys.readouterr().err
    assert "step 1: alone" in said
    assert "step 2 of 3: second" in said


def test_on_a_terminal_it_moves_and_says_what_is_done(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    shown = ConsoleReporter()
    with shown.step("score") as step:
        step.detail("drivers [1]")
        shown.count(300, 1000, "customers")
        shown._live.refresh()
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
    assert "step 1: score 0:00:00 300 of 1,000 customers" in said
    assert re.search(r"step 1: score \d\.\d s\n$", said)


@pytest.mark.slow
def test_python_is_silent_unless_asked_and_warned_either_way(capsys):
    assert guanxi.validate("cdnow-sample").numbers["customers"] == 2357
    assert capsys.readouterr().err == ""
    guanxi.validate("cdnow-sample", progress=True)
    assert re.fullmatch(r"step 1 of 1: read cdnow-sample \d+\.\d s\n", capsys.readouterr().err)
    for progress in (True, False):
        with pytest.warns(UserWarning, match="grade C"):
            reporter_of(progress).warn("grade C")
    own = Reporter()
    assert reporter_of(own) is own
