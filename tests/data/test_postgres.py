"""A table of a PostgreSQL server, started here for the test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guanxi.data.transactions import read_transactions
from guanxi.errors import SourceError

pytestmark = pytest.mark.postgres
SETUP = """
CREATE TABLE sales (customer_id bigint, "timestamp" timestamptz, amount numeric(10, 2), note jsonb);
INSERT INTO sales VALUES (1, '2020-01-01 23:30+00', 2.50, '{"a": 1}'), (2, '2020-01-02 10:00+00', NULL, NULL);
CREATE SCHEMA archive;
CREATE TABLE archive.old AS SELECT customer_id, "timestamp"::date AS "timestamp", 1 AS amount FROM sales;
CREATE USER reader PASSWORD 'top secret';
GRANT USAGE ON SCHEMA archive TO reader;
GRANT SELECT (customer_id) ON archive.old TO reader;
"""


def programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server programs below /usr/lib/postgresql")
    return found[-1].parent


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Host and port of a server that trusts ``postgres`` and asks ``reader`` for a password."""
    folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
    as_postgres = []
    if os.geteuid() == 0:
        if not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        shutil.chown(folder, "postgres", "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]
    binaries, data = programs(), folder / "data"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str | Path) -> None:
        subprocess.run([*as_postgres, *command], check=True, capture_output=True, cwd=folder, timeout=120)

    access = folder / "access.conf"
    access.write_text("host all reader 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n")
    access.chmod(0o644)
    run(binaries / "initdb", "-D", data, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8")
    options = f"-h 127.0.0.1 -p {port} -k '' -c hba_file={access} -c fsync=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "server.log", "start")
    try:
        run(binaries / "psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c", SETUP)
        yield f"127.0.0.1:{port}"
    finally:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def test_tables_are_read(server: str) -> None:
    log = read_transactions(f"postgres://postgres@{server}/postgres::sales")
    assert (log.lines_accepted, log.rejected_by_rule) == (1, {"missing_amount": 1})
    row = log.lines.execute().iloc[0]
    assert (row["customer_id"], str(row["timestamp"]), row["amount"]) == (1, "2020-01-01 23:30:00", 2.5)
    assert read_transactions(f"postgresql://postgres@{server}/postgres::archive.old").lines_accepted == 2


def test_a_missing_table_lists_those_there_are(server: str) -> None:
    with pytest.raises(SourceError, match=r"no table 'sale': the tables there are sales$"):
        read_transactions(f"postgres://postgres@{server}/postgres::sale")


@pytest.mark.parametrize("password", ["wrong%20secret", "hush@hush", "wrong"])
def test_no_error_shows_the_password(server: str, password: str) -> None:
    with pytest.raises(SourceError, match=r"reader:\*\*\*@127.0.0.1.*: cannot connect: ") as caught:
        read_transactions(f"postgres://reader:{password}@{server}/postgres::sales")
    assert not any(
        word in str(caught.value).split("cannot connect")[0] for word in ("wrong", "secret", "hush")
    )
    assert password not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_one_may_not_read(server: str) -> None:
    with pytest.raises(SourceError, match=r"reader:\*\*\*@.*: cannot be read: .*permission denied") as caught:
        read_transactions(f"postgres://reader:top%20secret@{server}/postgres::archive.old")
    assert "secret" not in str(caught.value)


def test_a_host_that_is_not_there() -> None:
    with pytest.raises(SourceError, match=r"me:\*\*\*@localhost:1/db::sales: cannot connect: ") as caught:
        read_transactions("postgres://me:hush@localhost:1/db::sales")
    assert "hush" not in str(caught.value)
