"""A database that is the MLflow store itself, without a server: its lock, its journal, and its moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

ARTIFACTS = "artifacts"
LOCK = ".lock"
# Any number that all processes of guanxi share, for PostgreSQL's advisory lock.
_ADVISORY_LOCK = 7_209_361
_ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def database_file(uri: str) -> Path | None:
    """Give the absolute path of a SQLite address's file; None for any other address.

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


@contextmanager
def _locked(uri: str) -> Iterator[None]:
    """Let one process at a time make tables or move aliases.

    By a file beside a SQLite database, by PostgreSQL's own lock there; a server is left to itself.
    """
    database = database_file(uri)
    if database is not None:
        from filelock import FileLock

        database.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(database.parent / LOCK):
            yield
    elif uri.startswith("postgresql"):
        with _advisory_lock(uri):
            yield
    else:
        yield


def _write_ahead(database: Path) -> None:
    """Let readers and one writer work side by side: SQLite's write-ahead log, set once, kept in the file.

    Where the file system cannot, or somebody reads just now, the database stays as it was.
    """
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = WAL")


def _heal_moved(database: Path) -> None:
    """Point the artifacts of a local store to where its folder is now.

    MLflow writes their addresses in full, so that a moved or copied folder would still name its old place.
    """
    folder = database.parent
    now = (folder / ARTIFACTS).as_uri()
    with closing(sqlite3.connect(database)) as connection, connection:
        for old in _stale_addresses(connection, folder):
            for table, column in _ADDRESSES:
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE substr({column}, 1, ?) = ?",
                    (now, len(old) + 1, len(old), old),
                )


def _stale_addresses(connection: sqlite3.Connection, folder: Path) -> list[str]:
    """Where experiments of a store that was moved here still look for its artifacts."""
    known = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {table for table, _ in _ADDRESSES} <= known:
        return []
    rows = connection.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    now, ending = (folder / ARTIFACTS).as_uri(), (Path("/") / folder.name / ARTIFACTS).as_uri()[7:]
    return [str(old) for (old,) in rows if str(old).endswith(ending) and old != now]


@contextmanager
def _advisory_lock(uri: str) -> Iterator[None]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(uri)
    try:
        # Closing the connection gives the lock back, and so does the end of the process.
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})")
            yield
    finally:
        engine.dispose()
