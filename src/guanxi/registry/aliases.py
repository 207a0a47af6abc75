"""The aliases of a registered model: candidate, champion and previous, and the moves between them.

``candidate``: the latest version that passed its smoke test; it keeps the alias as champion.
``champion``: the version that ``guanxi predict`` uses. ``previous``: the version that the champion replaced.
A tag on each champion names the version it replaced, so that several rollbacks in a row are possible.

Each alias takes a separate request. In a promotion ``previous`` is moved first: a process killed in between
leaves it on the champion itself, and :func:`predecessor` then uses the tag. A rollback is written to the
registered model before its moves, so that the next one finishes it. The status of a version follows from the
aliases: :func:`settle`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.errors import RegistryError
from guanxi.registry.store import Store, _locked

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
REFUSED, ROLLED_BACK, RETIRED, SUPERSEDED = "refused", "rolled back", "retired", "superseded"
STATUS, REASON, REPLACED = "guanxi.status", "guanxi.status_reason", "guanxi.replaced"
# Tag of the registered model: the versions of an unfinished rollback, as in "2 to 1".
_UNFINISHED = "guanxi.rollback"
SMOKE_TEST = "guanxi.smoke_test"
# Columns that tell the outcome alone, in sentences: such a version does not pass the gate.
LEAKS = "guanxi.leaks"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_LONGEST_REASON = 2000


def read_aliases(store: Store) -> dict[str, str]:
    """Return alias to version, from one request; empty if there is no such registered model."""
    found = _registered(store)
    return {alias: str(version) for alias, version in found.aliases.items()} if found else {}


def _registered(store: Store) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return store.client.get_registered_model(store.registered_model)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return None


def _appoint(store: Store, version: str, doubts: str = "") -> str | None:
    """Make a tested version candidate and, if there are neither champion nor doubts, champion.

    Returns the champion, if any.
    """
    with _locked(store.uri):
        _set_new(store, CANDIDATE, version)
        if not doubts and CHAMPION not in read_aliases(store):
            # A server cannot be locked: of versions that are first at the same moment, all name the lowest.
            _set_new(store, CHAMPION, str(min(map(int, [*_not_appointed(store), version]))))
        set_status(store, version, CANDIDATE, doubts)
        return settle(store).get(CHAMPION)


def _not_appointed(store: Store) -> list[str]:
    """List the versions that passed their smoke test and have no status yet."""
    return [
        str(each.version)
        for each in _versions(store)
        if each.tags.get(SMOKE_TEST) == "passed" and STATUS not in each.tags
    ]


def settle(store: Store) -> dict[str, str]:
    """Bring the status of all versions in line with the aliases, which are returned.

    They may have been moved by a process that was killed, or be moving: a server cannot be locked.
    """
    aliases = read_aliases(store)
    while True:
        for each in _versions(store):
            now = each.tags.get(STATUS, "")
            status, reason = _status(str(each.version), now, aliases)
            if status != now:
                set_status(store, str(each.version), status, reason)
        before, aliases = aliases, read_aliases(store)
        if aliases == before:
            return aliases


def _status(version: str, now: str, aliases: Mapping[str, str]) -> tuple[str, str]:
    """Status of a version by the aliases, and the reason if it changes."""
    if version == aliases.get(CHAMPION):
        return CHAMPION, "" if PREVIOUS in aliases else "the first"
    if version == aliases.get(PREVIOUS):
        return PREVIOUS, f"replaced by version {aliases[CHAMPION]}"
    if now == PREVIOUS:
        return RETIRED, ""
    candidate = aliases.get(CANDIDATE)
    if now == CHAMPION and version == candidate:
        return CANDIDATE, ""
    if now in (CHAMPION, CANDIDATE) and version != candidate:
        return SUPERSEDED, f"replaced as {now} by version {aliases.get(now, 'none')}"
    return now, ""


def _versions(store: Store) -> list[Any]:
    return list(store.client.search_model_versions(f"name = '{store.registered_model}'"))


def make_champion(store: Store, version: str, seen: Mapping[str, str]) -> None:
    """Move ``previous`` to the champion and ``champion`` to a version.

    Parameters
    ----------
    store : Store
    version : str
    seen : mapping
        The aliases at the time of the decision.

    Raises
    ------
    RegistryError
        If the champion has changed since then, or changes at the same moment.
    """
    with _locked(store.uri):
        _check_unchanged(store, seen)
        old = seen.get(CHAMPION)
        _note_rollback(store, "")  # one that nobody finished
        _tag(store, version, REPLACED, old or "none")
        if old is not None:
            _set(store, PREVIOUS, old)
        _set(store, CHAMPION, version)
        settle(store)
    _check_won(store, version)


def predecessor(store: Store, seen: Mapping[str, str]) -> str:
    """Version that a rollback would make champion again.

    Raises
    ------
    RegistryError
        If there is no champion, or none before it.
    """
    name, champion = store.registered_model, seen.get(CHAMPION)
    if champion is None:
        raise RegistryError(f"model {name} has no champion: run guanxi train or guanxi promote first")
    unfinished = _unfinished(store)
    if champion in unfinished:
        return unfinished[1]
    previous = seen.get(PREVIOUS)
    if previous is None or previous == champion:
        previous = _replaced_by(store, champion)
    if previous is None:
        raise RegistryError(
            f"there is nothing to roll back to: version {champion} of {name} is the first champion, "
            "or those before it were deleted"
        )
    return previous


def roll_back(store: Store, version: str, seen: Mapping[str, str]) -> tuple[str, str | None]:
    """Make a version champion again, and the version it had replaced ``previous``.

    Returns the version that was champion, and the one that is ``previous``. Finishes a rollback that was
    interrupted.

    Raises
    ------
    RegistryError
        As :func:`make_champion`.
    """
    with _locked(store.uri):
        _check_unchanged(store, seen)
        unfinished = _unfinished(store)
        instead = unfinished[0] if seen[CHAMPION] in unfinished else seen[CHAMPION]
        _note_rollback(store, f"{instead} to {version}")
        set_status(store, instead, ROLLED_BACK, f"back to version {version}")
        _set(store, CHAMPION, version)
        before = _replaced_by(store, version)
        if before == instead:  # it had replaced the version being rolled back
            before = None
        if before is not None:
            _set(store, PREVIOUS, before)
        elif PREVIOUS in seen:
            store.client.delete_registered_model_alias(store.registered_model, PREVIOUS)
        set_status(store, version, CHAMPION, f"rolled back from version {instead}")
        settle(store)
        _note_rollback(store, "")
    _check_won(store, version)
    return instead, before


def _unfinished(store: Store) -> list[str]:
    """Return the champion and its successor of a rollback that was interrupted; else nothing."""
    note = _registered(store).tags.get(_UNFINISHED, "")
    return note.split(" to ") if note else []


def _note_rollback(store: Store, note: str) -> None:
    store.client.set_registered_model_tag(store.registered_model, _UNFINISHED, note)


def _replaced_by(store: Store, version: str) -> str | None:
    """Version that a champion replaced, if it still exists."""
    before = tags(store, version).get(REPLACED, "none")
    return None if before == "none" or not _exists(store, before) else before


def status(store: Store, version: str) -> str:
    """Status of a version: its alias, or why it has none."""
    return tags(store, version).get(STATUS, "")


def set_status(store: Store, version: str, value: str, reason: str = "") -> None:
    """Tag a version with its status and the reason."""
    _tag(store, version, STATUS, value)
    _tag(store, version, REASON, reason[:_LONGEST_REASON])


def tags(store: Store, version: str) -> dict[str, str]:
    """Tags of a version."""
    return dict(store.client.get_model_version(store.registered_model, version).tags)


def _exists(store: Store, version: str) -> bool:
    """Whether the registry has the version."""
    from mlflow.exceptions import MlflowException

    try:
        store.client.get_model_version(store.registered_model, version)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return False
    return True


def _check_unchanged(store: Store, seen: Mapping[str, str]) -> None:
    now = read_aliases(store)
    changed = [alias for alias in (CHAMPION, PREVIOUS) if now.get(alias) != seen.get(alias)]
    if changed:
        raise RegistryError(
            f"{' and '.join(changed)} of model {store.registered_model} moved in the meantime (champion is "
            f"now version {now.get(CHAMPION, 'none')}): someone else promoted or rolled back; nothing was "
            "changed, check and try again"
        )


def _check_won(store: Store, version: str) -> None:
    """Check that no other process moved the champion at the same moment: a server cannot be locked."""
    now = read_aliases(store).get(CHAMPION)
    if now != version:
        set_status(store, version, SUPERSEDED, f"version {now} was made champion at the same moment")
        raise RegistryError(
            f"version {version} of model {store.registered_model} was made champion at the same moment "
            f"as version {now}, which stays champion: check and try again"
        )


def _set_new(store: Store, alias: str, version: str) -> None:
    """Set an alias that another process may be creating at the same moment."""
    from mlflow.exceptions import MlflowException

    try:
        _set(store, alias, version)
    except MlflowException:
        if alias not in read_aliases(store):
            raise
        _set(store, alias, version)


def _set(store: Store, alias: str, version: str) -> None:
    store.client.set_registered_model_alias(store.registered_model, alias, version)


def _tag(store: Store, version: str, key: str, value: Any) -> None:
    store.client.set_model_version_tag(store.registered_model, version, key, value)
