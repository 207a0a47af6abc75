"""The files of a local store: its database, lock and artifacts."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

from filelock import FileLock, Timeout

from guanxi.data.processes import identity, is_alive
from guanxi.data.sinks import files
from guanxi.errors import OutputError, RegistryError

ARTIFACTS = "artifacts"
_LOCK = ".lock"
LEAST_FREE = 50 * 1024**2
_READ_ONLY = "sqlite+pysqlite:///"
SILENT_SECONDS, LONGEST_SECONDS = 5, 600
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def database_file(uri: str) -> Path | None:
    """Return the absolute path of the file in a SQLite address; None for any other address.

    Examples
    --------
    >>> database_file("sqlite:////srv/mlruns/mlflow.db").as_posix()
    '/srv/mlruns/mlflow.db'
    >>> database_file("http://127.0.0.1:5000") is None
    True
    """
    scheme, separator, path = uri.partition(":///")
    if not separator or scheme.partition("+")[0] != "sqlite":
        return None
    name = path.partition("?")[0]
    return Path.cwd() / name if name and name != ":memory:" else None


def is_read_only(database: Path) -> bool:
    """Whether an existing database can be read but not written."""
    file = database.resolve()  # SQLite writes its journal beside the file, not beside a link to it
    return file.exists() and not all(os.access(path, os.W_OK) for path in (file, file.parent))


def read_only_address(database: Path) -> str:
    """Address under which SQLite writes nothing, not even the index of a write-ahead log."""
    database = database.resolve()
    logged = database.with_name(f"{database.name}-wal").exists()
    # With the driver named, MLflow does not take "file:" for a folder that it has to make.
    return f"{_READ_ONLY}file:{quote(str(database))}?mode=ro{'' if logged else '&immutable=1'}&uri=true"


def connect_to_read(database: Path) -> sqlite3.Connection:
    """Connect to a database without writing to it."""
    address = read_only_address(database) if is_read_only(database) else f"{database.as_uri()}?mode=ro"
    return sqlite3.connect(address.removeprefix(_READ_ONLY), uri=True)


def check_database(database: Path) -> None:
    """Check that an existing database is intact and can be written.

    Raises
    ------
    RegistryError
    """
    if is_read_only(database):
        raise RegistryError(f"MLflow store {database} can only be read: get write permission")
    try:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise RegistryError(f"MLflow store {database} is damaged ({found}): see guanxi doctor")


def check_folder(folder: Path) -> None:
    """Check that a folder, which need not exist yet, can be written and has space.

    Raises
    ------
    RegistryError
    """
    try:
        files.check_output(folder / "any")
    except OutputError as error:
        reason = str(error).partition(";")[0]
        raise RegistryError(
            f"MLflow store {folder} cannot be opened: check --tracking-uri ({reason})"
        ) from error
    there = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        raise RegistryError(
            f"MLflow store: only {free / 1024**2:.0f} MiB are free in {there}: free some space"
        )


def local_folder(location: str) -> Path | None:
    """Folder of an artifact address; None if it is not on this machine."""
    parsed = urlparse(location)
    return Path(unquote(parsed.path)) if parsed.scheme in ("", "file") else None


def lock_file(database: Path) -> Path:
    """Path of a database's lock: the same by whatever link the database is reached."""
    return database.resolve().parent / _LOCK


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; after some seconds say who has it, and give up after ten minutes.

    Raises
    ------
    RegistryError
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=SILENT_SECONDS)
    except Timeout:
        logging.getLogger("guanxi").warning("waiting for %s, which %s holds", path, holder(path))
        try:
            lock.acquire(timeout=LONGEST_SECONDS)
        except Timeout:
            raise RegistryError(
                f"{path} was held for ten minutes by {holder(path)}: end that process, or try again later"
            ) from None
    try:
        with suppress(OSError):  # only told to those who wait
            _holder_file(path).write_text(identity(), encoding="utf-8")
        yield
    finally:
        lock.release()


def holder(path: Path) -> str:
    """Describe the process that holds a lock file."""
    try:
        name = _holder_file(path).read_text(encoding="utf-8")
    except OSError:
        name = ""
    return f"process {name.partition('-')[0]}" if name and is_alive(name) else "another process"


def _holder_file(path: Path) -> Path:
    return path.with_name(f"{path.name}-holder")


def write_ahead(database: Path) -> None:
    """Let SQLite write ahead, where the file system allows it: readers then do not block the writer."""
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def heal_moved(database: Path) -> None:
    """Update the artifact addresses of a local store whose folder was moved or copied: they are absolute."""
    folder = database.parent
    now = (folder / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        for old in stale_addresses(connection, folder):
            for table, column in _ADDRESSES:
                moved = f"{column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                connection.execute(f"UPDATE {table} SET {moved}", (now, len(old) + 1, len(old), old))


def stale_addresses(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """List the artifact addresses of experiments whose files came here with the store.

    An experiment of somebody else, whose files are elsewhere, may have an address of the same form.
    """
    known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {table for table, _ in _ADDRESSES} <= known:
        return []
    rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    now, ending = (folder / ARTIFACTS).as_uri(), (Path("/") / folder.name / ARTIFACTS).as_uri()[7:]
    moved = [str(old) for (old,) in rows if str(old).endswith(ending) and old != now]
    return [old for old in moved if _holds_files_of(connection, folder, old)]


def _holds_files_of(connection: sqlite3.Connection, folder: Path, old: str) -> bool:
    """Whether the folder holds files of a run or model with an address below ``old``."""
    for table, column in (("runs", "artifact_uri"), ("logged_models", "artifact_location")):
        found = f"SELECT {column} FROM {table} WHERE substr({column}, 1, ?) = ?"
        for (address,) in connection.execute(found, (len(old), old)):
            if (folder / ARTIFACTS / unquote(address[len(old) :].strip("/"))).exists():
                return True
    return False
