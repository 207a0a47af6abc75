"""Problems of a store, found without changing it except for the repairs made whenever it is opened."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from guanxi.errors import GuanxiError
from guanxi.params.tasks import MODEL_SUFFIXES
from guanxi.registry import _local_store as local
from guanxi.registry._run_log import running
from guanxi.registry.aliases import CHAMPION, SMOKE_TEST, read_aliases
from guanxi.registry.registration import load_tested
from guanxi.registry.store import ADDRESS_VARIABLE, Store, _deleted_experiment, task_store

Level = Literal["ok", "note", "wrong"]
_LEAST_FREE = 500 * 1024**2


@dataclass(frozen=True)
class Finding:
    """Result of one check: ``ok``, a ``note``, or ``wrong`` with advice."""

    level: Level
    subject: str
    text: str


def database_findings(database: Path) -> Iterator[Finding]:
    """Check a local store's database before it is opened."""
    folder = database.parent
    try:
        local.check_not_emptied(database)
    except GuanxiError as error:
        yield Finding("wrong", "database", str(error))
        return
    if not database.exists():
        advice = "run guanxi train in this folder, or give its address with --tracking-uri"
        yield Finding("wrong", "store", f"no store in {folder}: {advice}")
        return
    read_only = local.is_read_only(database)
    yield _space(database, "can only be read: predictions work, trainings do not; " if read_only else "")
    if not read_only:
        yield _lock(local.lock_file(database))
    try:
        with closing(local.connect_to_read(database)) as connection:
            yield from _inside(connection, database)
    except sqlite3.Error as error:
        yield Finding("wrong", "database", f"{database} cannot be read ({error}): restore it from a backup")


def model_findings(store: Store) -> Iterator[Finding]:
    """Check the versions with aliases, of the models of all tasks."""
    for each in (task_store(store, task) for task in MODEL_SUFFIXES):
        aliases = read_aliases(each)
        if not aliases and each.registered_model != store.registered_model:
            continue
        name = each.registered_model
        if CHAMPION not in aliases:
            advice = "promote one with guanxi promote" if aliases else "train one with guanxi train"
            yield Finding("note", name, f"there is no champion: {advice}")
        for alias, version in sorted(aliases.items()):
            yield _tested(each, alias, version)
        yield from _interrupted_versions(each)
    yield from _experiment(store)
    yield from _interrupted_runs(store)


def _space(database: Path, note: str) -> Finding:
    free = shutil.disk_usage(database.parent).free
    shown = f"{database}, {note}{free / 1024**3:,.1f} GiB free"
    if free < _LEAST_FREE and not note:
        return Finding("wrong", "store", f"{shown}: free some space, a training needs about ten MiB")
    return Finding("note" if note else "ok", "store", shown)


def _lock(path: Path) -> Finding:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=2):
            return Finding("ok", "lock", "free")
    except Timeout:
        text = f"{local.holder(path)} is opening the store or moving an alias"
        return Finding("note", "lock", text)
    except OSError as error:
        return Finding("wrong", "lock", f"{path} cannot be written ({error.strerror})")


def _inside(connection: sqlite3.Connection, database: Path) -> Iterator[Finding]:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        yield Finding(
            "wrong",
            "database",
            f"damaged ({'; '.join(found)[:200]}): restore it from a backup, or save what can be read with "
            f"sqlite3 {database} .recover",
        )
        return
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode == "wal":
        yield Finding("ok", "database", "intact; write-ahead log")
    else:
        yield Finding(
            "note", "database", f"intact; journal {mode}: the next training turns the write-ahead log on"
        )
    for old in local.stale_addresses(connection, database.parent):
        text = f"the store was moved here from {old}: opening it corrects its addresses"
        yield Finding("note", "artifacts", text)


def _tested(store: Store, alias: str, version: str) -> Finding:
    name = f"{store.registered_model}@{alias}"
    try:
        load_tested(store, version)
    except GuanxiError as error:
        back = f"guanxi rollback --name {store.registered_model} goes back"
        advice = back if alias == CHAMPION else "guanxi train makes another"
        return Finding("wrong", name, f"{error}; {advice}")
    return Finding("ok", name, f"version {version} loads and passes its smoke test")


def _interrupted_versions(store: Store) -> Iterator[Finding]:
    for found in store.client.search_model_versions(f"name = '{store.registered_model}'"):
        if SMOKE_TEST not in found.tags:
            yield Finding(
                "note",
                store.registered_model,
                f"version {found.version} was registered and never tested: its training is running or was "
                "killed; nothing uses it",
            )


def _experiment(store: Store) -> Iterator[Finding]:
    if not store.experiment_id:
        return
    found = store.client.get_experiment(store.experiment_id)
    if found.lifecycle_stage == "deleted":
        text = _deleted_experiment(store.uri, found.name, found.experiment_id)
        yield Finding("wrong", "experiment", text)
        return
    folder = local.local_folder(found.artifact_location)
    database = local.database_file(store.uri)
    if folder is None or (database is not None and local.is_read_only(database)):
        return
    try:
        local.check_folder(folder)
    except GuanxiError as error:
        yield Finding("wrong", "artifacts", str(error))


def _interrupted_runs(store: Store) -> Iterator[Finding]:
    """Those of this machine's killed processes were closed when the store was opened."""
    found = running(store)
    if found:
        first = datetime.fromtimestamp(min(run.info.start_time for run in found) / 1000, UTC)
        yield Finding(
            "note",
            "runs",
            f"{len(found)} marked as running, the first since {first:%Y-%m-%d %H:%M} UTC: if no training is "
            f"running, they were killed; {ADDRESS_VARIABLE}={store.shown_uri} mlflow runs delete --run-id "
            f"{found[0].info.run_id} removes one",
        )
