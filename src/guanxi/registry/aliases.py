"""The aliases of a registered model: candidate, champion and previous, and the moves between them.

``candidate``: the latest version that passed its smoke test; it keeps the alias as champion.
``champion``: the version that ``guanxi predict`` uses. ``previous``: the version that the champion replaced.
A tag on each champion names the version it replaced, so that several rollbacks in a row are possible.

Each alias takes a separate request. ``previous`` is moved first, so that every intermediate state is valid. A
process killed in between leaves ``previous`` on the champion itself; :func:`roll_back` then uses the tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guanxi.errors import RegistryError
from guanxi.registry.store import Store, _locked

CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
REFUSED, ROLLED_BACK, RETIRED, SUPERSEDED = "refused", "rolled back", "retired", "superseded"
STATUS, REASON, REPLACED = "guanxi.status", "guanxi.status_reason", "guanxi.replaced"
ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
_LONGEST_REASON = 2000


def read_aliases(store: Store) -> dict[str, str]:
    """Return alias to version, from one request; empty if there is no such registered model."""
    from mlflow.exceptions import MlflowException

    try:
        found = store.client.get_registered_model(store.registered_model)
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return {}
    return {alias: str(version) for alias, version in found.aliases.items()}


def _appoint(store: Store, version: str, doubts: str = "") -> str | None:
    """Make a tested version candidate and, if there are neither champion nor doubts, champion.

    Returns the champion, if any.
    """
    with _locked(store.uri):
        before = read_aliases(store)
        old = before.get(CANDIDATE)
        if old is not None and status(store, old) == CANDIDATE:
            set_status(store, old, SUPERSEDED, f"replaced as candidate by version {version}")
        _set_new(store, CANDIDATE, version)
        if CHAMPION not in before and not doubts:
            _set_new(store, CHAMPION, version)
        # A server cannot be locked: read again which version became champion.
        champion = read_aliases(store).get(CHAMPION)
        first = champion == version
        set_status(store, version, CHAMPION if first else CANDIDATE, "the first" if first else doubts)
        return champion


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
        _tag(store, version, REPLACED, old or "none")
        if old is not None:
            _set(store, PREVIOUS, old)
        _set(store, CHAMPION, version)
        retired = seen.get(PREVIOUS)
        if retired is not None and retired not in (version, old):
            set_status(store, retired, RETIRED)
        if old is not None:
            set_status(store, old, PREVIOUS, f"replaced by version {version}")
        set_status(store, version, CHAMPION)
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
    previous = seen.get(PREVIOUS)
    if previous is None or previous == champion:
        previous = _replaced_by(store, champion)
    if previous is None:
        raise RegistryError(
            f"there is nothing to roll back to: version {champion} of {name} is the first champion, "
            "or those before it were deleted"
        )
    return previous


def roll_back(store: Store, version: str, seen: Mapping[str, str]) -> str | None:
    """Make a version champion again, and the version it had replaced ``previous``; return the latter.

    Raises
    ------
    RegistryError
        As :func:`make_champion`.
    """
    with _locked(store.uri):
        _check_unchanged(store, seen)
        set_status(store, seen[CHAMPION], ROLLED_BACK, f"back to version {version}")
        _set(store, CHAMPION, version)
        before = _replaced_by(store, version)
        if before == seen[CHAMPION]:  # it had replaced the version being rolled back
            before = None
        if before is not None:
            _set(store, PREVIOUS, before)
            set_status(store, before, PREVIOUS, f"replaced by version {version}")
        elif PREVIOUS in seen:
            store.client.delete_registered_model_alias(store.registered_model, PREVIOUS)
        set_status(store, version, CHAMPION, f"rolled back from version {seen[CHAMPION]}")
    _check_won(store, version)
    return before


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
