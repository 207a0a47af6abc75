"""Processes by number and start time."""

import os
import subprocess
import sys

import pytest

from guanxi.data.processes import identity, is_alive

_PRINT = "from guanxi.data.processes import identity; print(identity(), flush=True); input()"


@pytest.fixture
def other():
    with subprocess.Popen(
        [sys.executable, "-c", _PRINT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def test_this_process_is_alive():
    assert identity().startswith(f"{os.getpid()}-")
    assert is_alive(identity())


def test_another_process_is_alive_until_killed(other):
    name = other.stdout.readline().strip()
    assert is_alive(name)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(name)  # not yet reaped
    other.wait()
    assert not is_alive(name)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs the start time")
def test_a_number_that_is_used_again_is_another_process():
    number, start = identity().split("-")
    assert not is_alive(f"{number}-{int(start) + 1}")


@pytest.mark.parametrize("text", ["", "x", "12", "12-", "-5-7", "1-2-3"])
def test_what_is_no_identity_is_left_alone(text):
    assert is_alive(text)
