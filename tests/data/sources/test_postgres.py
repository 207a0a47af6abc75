"""Tables of a PostgreSQL server, started here for the test: read from, and written to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guanxi.data.sinks.output_location import parse_output_location
from guanxi.data.transactions import read_transactions
from guanxi.errors import OutputError, SourceError

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


@pytest.fixture(scope="module")
def server(postgres_server: str) -> str:
    """Host and port of a server with the tables above, which asks ``reader`` for a password."""
    with psycopg.connect(f"postgresql://postgres@{postgres_server}/postgres") as connection:
        connection.execute(SETUP)
    return postgres_server


def test_tables_are_read(server: str) -> None:
    log = read_transactions(f"postgres://postgres@{server}/postgres::sales")
    assert (log.lines_accepted, log.rejected_by_rule) == (1, {"missing_amount": 1})
    row = log.lines.execute().iloc[0]
    assert (row["customer_id"], str(row["timestamp"]), row["amount"]) == (1, "2020-01-01 23:30:00", 2.5)
    assert read_transactions(f"postgresql://postgres@{server}/postgres::archive.old").lines_accepted == 2


def test_a_missing_table_lists_those_there_are(server: str) -> None:
    with pytest.raises(SourceError, match=r"no table 'sale': choose from sales$"):
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


MANIFEST = {
    "guanxi": "0",
    "rows": 4,
    "seconds": 1.5,
    "as_of": None,
    "rejected_by_rule": {"missing_amount": 2},
}
SCHEMA = pa.schema({"customer_id": pa.string(), "day": pa.date32(), "value": pa.float64(), "n": pa.int64()})


@pytest.fixture
def written(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[Path]]]:
    """An output in the database, and two parts with what COPY trips over."""
    monkeypatch.chdir(tmp_path)
    parts = []
    for i, ids in enumerate((['a"b,c\n', ""], ["é\t\\N", "007"])):
        table = pd.DataFrame({"customer_id": ids, "day": [pd.Timestamp("2020-01-01").date(), None]})
        table = table.assign(value=[0.1 + 0.2, math.inf], n=[2**60 + i, i])
        arrow = pa.Table.from_pandas(table, SCHEMA, preserve_index=False)
        parts.append(tmp_path / f"part-{i}.parquet")
        pq.write_table(
            arrow.set_column(2, "value", pa.array([0.1 + 0.2, None if i else math.inf])), parts[-1]
        )
    yield f"postgres://postgres@{server}/postgres::scores", parts
    with _database(server) as connection:
        connection.execute("DROP TABLE IF EXISTS scores, scores_manifest CASCADE")


def _database(server: str) -> Any:
    return ibis.connect(f"postgres://postgres@{server}/postgres").con


def test_a_table_is_written_and_keeps_its_rights_and_views(server: str, written: Any) -> None:
    output, parts = written
    for _ in range(2):
        location = parse_output_location(output)
        location.check()
        location.put(parts, MANIFEST)
        with _database(server) as connection:
            rows = connection.execute("SELECT * FROM scores").fetchall()
            manifest = connection.execute("SELECT * FROM scores_manifest").fetchall()
            connection.execute("CREATE OR REPLACE VIEW best AS SELECT * FROM scores")
            connection.execute("GRANT SELECT ON scores TO reader")
        assert [row[0] for row in rows] == ['a"b,c\n', "", "é\t\\N", "007"]
        assert [row[2] for row in rows] == [0.1 + 0.2, math.inf, 0.1 + 0.2, None]
        assert [row[3] for row in rows] == [2**60, 0, 2**60 + 1, 1]
        assert rows[1][1] is None
        assert [json.loads(value) if "{" in str(value) else value for value in manifest[0]] == [
            *MANIFEST.values()
        ]
    with _database(server) as connection:
        rights = connection.execute("SELECT has_table_privilege('reader', 'scores', 'SELECT')").fetchone()
        assert rights == (True,)
        assert connection.execute("SELECT count(*) FROM best").fetchone() == (4,)


def test_a_table_of_other_columns_is_made_anew(server: str, written: Any) -> None:
    output, parts = written
    with _database(server) as connection:
        connection.execute("CREATE TABLE scores AS SELECT 1 AS old")
    parse_output_location(output).put(parts, MANIFEST)
    with _database(server) as connection:
        assert connection.execute("SELECT count(*), max(n) FROM scores").fetchone() == (4, 2**60 + 1)


def test_a_failure_in_the_middle_leaves_the_earlier_rows(server: str, written: Any) -> None:
    output, parts = written
    parse_output_location(output).put(parts, MANIFEST)
    parts[1].write_bytes(parts[1].read_bytes()[:100])
    with pytest.raises(OutputError, match=r"cannot write postgres://.*::scores: "):
        parse_output_location(output).put([parts[0], parts[0], parts[1]], MANIFEST | {"rows": 6})
    with _database(server) as connection:
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (4,)
        assert connection.execute("SELECT rows FROM scores_manifest").fetchone() == (4,)


def test_a_place_one_may_not_write_is_told_before_the_work(server: str, written: Any) -> None:
    address = f"postgres://reader:top%20secret@{server}/postgres::archive.scores"
    with pytest.raises(OutputError, match=r"cannot write .*permission denied") as caught:
        parse_output_location(address).check()
    assert "secret" not in str(caught.value)
    with pytest.raises(OutputError, match=r"me:\*\*\*@localhost:1/db::scores: cannot connect: "):
        parse_output_location("postgres://me:hush@localhost:1/db::scores").check()


def test_two_writers_from_two_folders_do_not_mix(server: str, written: Any) -> None:
    output, parts = written
    parse_output_location(output).put(parts, MANIFEST)
    first = parse_output_location(output)
    with first._opened() as database, database.con.transaction():
        first._lock(database)
        with pytest.raises(OutputError, match="another guanxi predict is writing it"):
            parse_output_location(output).put(parts, MANIFEST)
    parse_output_location(output).put(parts, MANIFEST)
    with _database(server) as connection:
        assert connection.execute("SELECT count(*) FROM scores").fetchone() == (4,)
