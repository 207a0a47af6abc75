"""Promotions and rollbacks that are killed between their requests, and are run again."""

from __future__ import annotations

import pytest

from guanxi.jobs.promote import EXPORT_FOLDER, promote
from guanxi.jobs.rollback import rollback
from guanxi.params import Params
from guanxi.registry import aliases
from guanxi.registry.aliases import read_aliases, settle, status
from guanxi.registry.loaded_model import export

pytestmark = pytest.mark.slow

MOVES = 10  # requests of a promotion and of a rollback here
WRITING = (
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_registered_model_tag",
    "set_model_version_tag",
)


class Killed(BaseException):
    """As by SIGKILL: nothing after it runs."""


def kill_after(monkeypatch, store, requests: int) -> None:
    """Let only so many of the store's next writing requests through."""
    left, kind = [requests], type(store.client)

    def counted(original):
        def write(*given, **more):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return original(*given, **more)

        return write

    for name in WRITING:
        monkeypatch.setattr(kind, name, counted(getattr(kind, name)))


@pytest.fixture
def two_steps(copied):
    """Version 3 is champion after 2, which came after 1."""
    promote(Params())
    aliases.make_champion(copied, "3", read_aliases(copied))
    assert read_aliases(copied) == {"candidate": "2", "champion": "3", "previous": "2"}
    return copied


@pytest.mark.parametrize("requests", range(MOVES))
def test_a_rollback_that_was_killed_and_is_run_again_goes_one_step_back(two_steps, requests):
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, two_steps, requests)
        with pytest.raises(Killed):
            rollback(Params())
    done = rollback(Params())
    assert (done.version, done.instead, done.previous) == ("2", "3", "1")
    assert read_aliases(two_steps) == {"candidate": "2", "champion": "2", "previous": "1"}
    assert [status(two_steps, each) for each in "123"] == ["previous", "champion", "rolled back"]
    assert rollback(Params()).version == "1"


@pytest.mark.parametrize("requests", range(MOVES))
def test_a_promotion_that_was_killed_and_is_run_again_is_whole(copied, requests):
    export(copied, "1", EXPORT_FOLDER)
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, copied, requests)
        with pytest.raises(Killed):
            promote(Params())
    promote(Params())
    assert read_aliases(copied) == {"candidate": "2", "champion": "2", "previous": "1"}
    assert [status(copied, each) for each in "12"] == ["previous", "champion"]
    assert "model_version: '2'" in (EXPORT_FOLDER / "registered_model_meta").read_text()
    assert rollback(Params()).version == "1"


def test_a_promotion_ends_a_rollback_that_nobody_finished(two_steps):
    with pytest.MonkeyPatch.context() as patch:
        kill_after(patch, two_steps, 1)
        with pytest.raises(Killed):
            rollback(Params())
    aliases.make_champion(two_steps, "1", read_aliases(two_steps))
    assert rollback(Params()).version == "3"


def test_two_versions_that_call_themselves_champion(copied):
    """As left by trainings that were first at the same moment on a server, which cannot be locked."""
    aliases.set_status(copied, "3", "champion")
    aliases.set_status(copied, "2", "champion")
    settle(copied)
    assert [status(copied, each) for each in "123"] == ["champion", "candidate", "superseded"]
