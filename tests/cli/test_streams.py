"""What is printed suits terminals, pipes and encodings, and nothing stays when a command is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from guanxi.data.processes import identity
from guanxi.data.temporary import _make_folder, remove_abandoned, temporary_folder
from guanxi.jobs.reporter import printable

SALES = "customer_id,timestamp,amount\n" + "".join(
    f"{i % 30},2020-{1 + i % 12:02d}-{1 + i % 28:02d},{i % 7 + 1}.5\n" for i in range(600)
)
SLOW = """
import sys, time
from guanxi import cli
from guanxi.jobs import validate

def slow(*given):
    print("reading", flush=True)
    time.sleep(60)

validate.assess = slow
from guanxi.jobs import _opened_log
_opened_log.assess = slow
sys.argv = ["guanxi", *sys.argv[1:]]
cli.main()
"""


@pytest.fixture
def here(tmp_path) -> Path:
    (tmp_path / "sales.csv").write_text(SALES)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def start(here: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=here,
        env={**os.environ, "TMPDIR": str(here / "tmp"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def guanxi(here: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return start(here, "-c", "from guanxi.cli import main; main()", *arguments, **environment)


def left(here: Path) -> list[str]:
    return [path.name for path in (here / "tmp").glob("guanxi-*")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_a_command_that_is_stopped_leaves_nothing(here, number):
    process = start(here, "-c", SLOW, "validate", "sales.csv")
    assert process.stdout.readline() == "reading\n"
    assert left(here)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.rstrip().endswith("guanxi: stopped")
    assert not left(here)


@pytest.mark.slow
def test_what_a_killed_command_left_is_removed_by_the_next(here):
    killed, running = (start(here, "-c", SLOW, "validate", "sales.csv") for _ in range(2))
    for process in (killed, running):
        assert process.stdout.readline() == "reading\n"
    killed.kill()
    killed.communicate()
    (here / "tmp" / "guanxi-notes").mkdir()
    before = left(here)
    out, err = guanxi(here, "--version").communicate(timeout=60)
    assert out.startswith("guanxi ")
    [gone] = set(before) - set(left(here))
    assert f"-{killed.pid}-" in gone
    assert f"removed {here / 'tmp' / gone}, which a killed command had left" in err
    running.kill()
    running.communicate()


def test_only_folders_of_dead_processes_are_removed(tmp_path):
    with temporary_folder(tmp_path) as mine:
        pid, start_time = identity().split("-")
        dead = mine.name.replace(f"-{pid}-{start_time}-", f"-{pid}-{int(start_time) + 1}-")
        elsewhere = dead.replace(dead.split("-")[1], "0" * 8)
        for name in (dead, elsewhere, f"{dead}.txt", ".guanxi-x"):
            (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / f"{dead}a").symlink_to(tmp_path / ".guanxi-x")
        assert remove_abandoned(tmp_path) == [tmp_path / dead]
        assert mine.exists()
        assert len(list(tmp_path.iterdir())) == 5
    assert not mine.exists()
    assert _make_folder(tmp_path).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("arguments", [["validate", "sales.csv"], ["--help"], ["validate", "no.csv"]])
def test_a_closed_pipe_is_no_error(here, arguments):
    process = guanxi(here, *arguments)
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert process.returncode in (1, 2), err
    assert not [word for word in ("Error", "Exception", "Traceback") if word in err]
    assert not left(here)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("arguments", [["validate", "sales.csv"], ["--help"], ["validate", "--help"]])
@pytest.mark.slow
def test_a_full_disk_behind_the_output_ends_in_one_line(here, arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "guanxi", *arguments],
            cwd=here,
            env=os.environ | {"TMPDIR": str(here / "tmp")},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    told = "guanxi: cannot write the output: No space left on device; free some space, or send it elsewhere"
    assert done.stderr.splitlines()[-1] == told
    assert not left(here)


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
@pytest.mark.slow
def test_a_terminal_without_the_characters(here, environment):
    (here / "Käufe €.csv").write_text(SALES.replace("amount", "Umsätze"), "utf-8")
    given = ("validate", "Käufe €.csv", "--columns", "amount=Umsätze")
    process = guanxi(here, *given, **environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (0, 2), err
    assert "Unicode" not in err
    assert "unexpected" not in err


def test_control_characters_of_data_do_not_reach_the_terminal(here):
    (here / "bad.csv").write_text(
        "customer_id,when\x1b[2J\x1b]0;owned\x07,amo\u202eunt\r\n1,2020-01-01,1\n", "utf-8"
    )
    for arguments in (
        ["validate", "bad.csv"],
        ["validate", "no\x1b[31m.csv"],
        ["validate", "bad.csv", "--set", "x\x1b=1"],
    ):
        process = guanxi(here, *arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 2
        assert not {"\x1b", "\x07", "\u202e"} & set(out + err)
    assert printable("a\tb\nc\x1b[0m\u202e\x85") == "a\tb\nc\\x1b[0m\\u202e\\x85"


def test_an_error_is_cut(here):
    process = guanxi(here, "validate", "sales.csv", "--set", f"horizon_days={'x' * 50_000}")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(err) < 3_000
