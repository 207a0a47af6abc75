"""Sources are found, read and left as they were; a source that cannot be read says why."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guanxi.data import datasets
from guanxi.data.sources.redaction import redact
from guanxi.data.transactions import read_transactions
from guanxi.errors import DataError, SourceError
from guanxi.params import DataParams

TABLE = pa.table(
    {
        "customer_id": [1, 2],
        "timestamp": pa.array([dt.datetime(2020, 1, 1, 23), dt.datetime(2020, 1, 2)], pa.timestamp("us")),
        "amount": [1.5, 2.0],
    }
)


class TestParquet:
    def test_a_file_a_glob_and_a_folder(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            pq.write_table(TABLE, tmp_path / name / "part.parquet")
        assert read_transactions(str(tmp_path / "a" / "part.parquet")).lines_read == 2
        assert read_transactions(str(tmp_path / "*" / "*.parquet")).lines_read == 4
        assert read_transactions(str(tmp_path)).lines_read == 4

    @pytest.mark.parametrize(
        "other",
        [
            TABLE.append_column("more", pa.array([1, 2])),
            TABLE.drop_columns(["amount"]),
            TABLE.set_column(0, "customer_id", pa.array(["1", "x"])),
        ],
        ids=["more", "fewer", "other type"],
    )
    def test_files_of_differing_columns(self, tmp_path: Path, other: Any) -> None:
        pq.write_table(TABLE, tmp_path / "a.parquet")
        pq.write_table(other, tmp_path / "b.parquet")
        with pytest.raises(
            SourceError, match=r"b.parquet: its columns differ from those of .*a.parquet: read them one"
        ):
            read_transactions(str(tmp_path))

    @pytest.mark.parametrize(
        ("name", "column", "accepted"),
        [
            ("timestamp", pa.array([dt.date(2020, 1, 1), None], pa.date32()), 1),
            (
                "timestamp",
                pa.array([dt.datetime(2020, 1, 1, 23), None], pa.timestamp("ns", "Europe/London")),
                1,
            ),
            ("amount", pa.array([Decimal("1.23"), None], pa.decimal128(10, 2)), 1),
            ("amount", pa.array([1, 2], pa.int16()), 2),
            ("customer_id", pa.array(["a", "b"]).dictionary_encode(), 2),
            ("customer_id", pa.array([b"a", b"b"]), 2),
        ],
    )
    def test_column_types(self, tmp_path: Path, name: str, column: Any, accepted: int) -> None:
        pq.write_table(TABLE.set_column(TABLE.column_names.index(name), name, column), tmp_path / "a.parquet")
        log = read_transactions(str(tmp_path), DataParams(timezone="Asia/Tokyo"))
        assert (log.lines_read, log.lines_accepted) == (2, accepted)

    def test_a_name_that_is_no_pattern(self, tmp_path: Path) -> None:
        pq.write_table(TABLE, tmp_path / "a[1]*.parquet")
        pq.write_table(TABLE, tmp_path / "a1.parquet")
        assert read_transactions(str(tmp_path / "a[1]*.parquet")).lines_read == 2

    @pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1PAR1"])
    def test_no_parquet(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(SourceError, match=r"a.parquet: not readable as Parquet: "):
            read_transactions(str(tmp_path / "a.parquet"))

    def test_no_line(self, tmp_path: Path) -> None:
        pq.write_table(TABLE.slice(0, 0), tmp_path / "a.parquet")
        with pytest.raises(DataError, match="has columns but no line"):
            read_transactions(str(tmp_path))

    def test_a_name_twice(self, tmp_path: Path) -> None:
        pq.write_table(TABLE.append_column("Amount", pa.array([5.0, 6.0])), tmp_path / "a.parquet")
        with pytest.raises(SourceError, match="duplicate column name, ignoring case: 'Amount' and 'amount'"):
            read_transactions(str(tmp_path))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "it's a shop.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE sales AS SELECT 1 customer_id, '2020-01-01' AS timestamp, 2.5 amount"
        )
        connection.execute("CREATE SCHEMA archive; CREATE TABLE archive.old AS SELECT * FROM sales")
        connection.execute("CREATE VIEW large AS SELECT * FROM sales WHERE amount > 1")
    return path


class TestDuckDB:
    @pytest.mark.parametrize("table", ["sales", "archive.old", "large"])
    @pytest.mark.slow
    def test_tables_are_read_and_the_file_is_left_as_it_was(self, database: Path, table: str) -> None:
        before = database.stat().st_mtime_ns, database.read_bytes()
        assert read_transactions(f"duckdb://{database}::{table}").lines_accepted == 1
        assert (database.stat().st_mtime_ns, database.read_bytes()) == before
        assert list(database.parent.iterdir()) == [database]

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("sale", "no table 'sale': choose from large, sales$"),
            ("archive.new", "no table 'archive.new': choose from old$"),
            ("nowhere.old", "no table 'nowhere.old': choose from none$"),
        ],
    )
    def test_a_missing_table_lists_those_there_are(self, database: Path, table: str, message: str) -> None:
        with pytest.raises(SourceError, match=message):
            read_transactions(f"duckdb://{database}::{table}")

    def test_a_missing_file_is_not_made(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"none.db: no such DuckDB file: check the path"):
            read_transactions(f"duckdb://{tmp_path}/none.db::sales")
        assert not list(tmp_path.iterdir())

    def test_a_file_of_another_kind(self, tmp_path: Path) -> None:
        (tmp_path / "a.db").write_text("customer_id,timestamp,amount\n" * 1000)
        with pytest.raises(
            SourceError, match=r"a.db: cannot be opened: it must be a DuckDB file that is not in use"
        ):
            read_transactions(f"duckdb://{tmp_path}/a.db::sales")

    def test_a_sqlite_database_is_none(self, tmp_path: Path) -> None:
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
            connection.execute("CREATE TABLE runs (customer_id INTEGER)")
        with pytest.raises(SourceError, match=r"mlflow.db: a SQLite database, not a DuckDB file: write the"):
            read_transactions(f"duckdb://{tmp_path}/mlflow.db::runs")

    def test_an_address_without_a_table(self, database: Path) -> None:
        with pytest.raises(SourceError, match="add the table to the address, as in duckdb://…::sales"):
            read_transactions(f"duckdb://{database}")

    @pytest.mark.parametrize(
        "query",
        [
            "FROM read_csv('{folder}/other.csv')",
            "SELECT content AS customer_id FROM read_text('{folder}/other.csv')",
            "FROM '{folder}/other.csv'",
            "SELECT file AS customer_id FROM glob('{folder}/*')",
        ],
    )
    def test_a_view_reads_nothing_outside_its_file(self, tmp_path: Path, query: str) -> None:
        (tmp_path / "other.csv").write_text("customer_id,timestamp,amount\nsecret,2020-01-01,1\n")
        with duckdb.connect(str(tmp_path / "given.db")) as connection:
            connection.execute(
                "CREATE TABLE t AS SELECT 'a' AS customer_id, DATE '2020-01-01' AS timestamp, 1 AS amount"
            )
            connection.execute("CREATE VIEW fine AS FROM t")
            connection.execute(f"CREATE VIEW prying AS {query.format(folder=tmp_path)}")
        with pytest.raises(SourceError) as caught:
            read_transactions(f"duckdb://{tmp_path}/given.db::prying")
        assert "\n" not in str(caught.value)
        assert "secret" not in str(caught.value)
        log = read_transactions(f"duckdb://{tmp_path}/given.db::fine")
        assert log.lines_accepted == 1
        log.close()

    def test_a_file_that_another_process_writes(self, database: Path) -> None:
        program = (
            f"import duckdb, sys; held = duckdb.connect({str(database)!r}); "
            "print('open', flush=True); sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(SourceError, match=r"a DuckDB file that is not in use .*lock"):
                read_transactions(f"duckdb://{database}::sales")
            writer.communicate()
        assert read_transactions(f"duckdb://{database}::sales").lines_accepted == 1


class TestFinding:
    def test_nothing_of_that_name(self) -> None:
        with pytest.raises(
            SourceError, match=r"no such file, and no dataset of that name .known: cdnow, cdnow-sample"
        ):
            read_transactions("cdnwo")

    def test_a_folder_without_data(self, tmp_path: Path) -> None:
        (tmp_path / "_manifest.json").write_text("{}")
        with pytest.raises(SourceError, match=r"the folder contains no file of data"):
            read_transactions(str(tmp_path))

    def test_mixed_or_unknown_kinds(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("x\n")
        pq.write_table(TABLE, tmp_path / "a.parquet")
        with pytest.raises(SourceError, match=r"a.csv is CSV, but .*a.parquet is Parquet: read files of one"):
            read_transactions(str(tmp_path / "a.*"))


class TestDataFrames:
    FRAME = pd.DataFrame(
        {"customer_id": [1, 2], "timestamp": ["2020-01-01", "2020-01-02"], "amount": [1.0, 2.0]}
    )

    def test_the_index_does_not_matter_and_the_frame_stays_as_it_was(self) -> None:
        frame = self.FRAME.set_axis([5, 5])
        before = frame.copy()
        assert read_transactions(frame).lines_accepted == 2
        pd.testing.assert_frame_equal(frame, before)

    def test_column_names_that_are_no_text(self) -> None:
        log = read_transactions(self.FRAME.rename(columns={"amount": 0}), DataParams(columns={"amount": "0"}))
        assert log.lines_accepted == 2

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            (FRAME.assign(Amount=1), "duplicate column name, ignoring case: 'Amount' and 'amount'"),
            (
                pd.concat([FRAME, FRAME], axis=1),
                "duplicate column name, ignoring case: 'amount' and 'customer_id' and 'timestamp'",
            ),
            (FRAME.assign(guanxi_row=1), "is reserved for the line number: rename it"),
            (
                FRAME.set_index("customer_id"),
                "no column 'customer_id' for customer_id; it has timestamp, amount",
            ),
            (pd.DataFrame(), "a column cannot be read: "),
        ],
    )
    def test_frames_that_cannot_be_read(self, frame: pd.DataFrame, message: str) -> None:
        with pytest.raises(SourceError, match=f"^DataFrame: .*{message}"):
            read_transactions(frame)

    def test_a_frame_without_lines(self) -> None:
        with pytest.raises(DataError, match="has columns but no line"):
            read_transactions(self.FRAME.iloc[:0])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://me:secret@host/db::sales", "postgres://me:***@host/db::sales"),
        ("see postgres://me:s:e/c@r?et@host:5432/db now", "see postgres://me:***@host:5432/db now"),
        (
            "postgres://host/db?user=me&password=secret&x=1::t",
            "postgres://host/db?user=me&password=***&x=1::t",
        ),
        ("postgres://host/db?Password=secret::t", "postgres://host/db?Password=***::t"),
        ("https://user:secret@mlflow.example", "https://user:***@mlflow.example"),
        ("postgres://host:5432/db::sales", "postgres://host:5432/db::sales"),
        ("a plain text", "a plain text"),
        # tokens in the place of the user
        ("https://ghp_Tok3n@host/path", "https://***@host/path"),
        ("postgres://me@host/db::sales", "postgres://me@host/db::sales"),
        # names of secrets
        (
            "postgres://host/db?user=me&passwd=x1&pwd=x2::t",
            "postgres://host/db?user=me&passwd=***&pwd=***::t",
        ),
        ("Driver=x;UID=me;Pwd=s3cret;Server=h", "Driver=x;UID=me;Pwd=***;Server=h"),
        ("host=h password='my word' user=me", "host=h password=*** user=me"),
        ("https://h/x?access_token=abc&sig=a%2Bb&day=1", "https://h/x?access_token=***&sig=***&day=1"),
        ("api_key=abc, api-key=abc, client_secret=abc", "api_key=***, api-key=***, client_secret=***"),
        (
            "sslpassword=abc AccountKey=abc== SharedAccessKey=a",
            "sslpassword=*** AccountKey=*** SharedAccessKey=***",
        ),
        # passwords that should have been encoded
        ("postgres://me:p@ss@host/db::t", "postgres://me:***@host/db::t"),
        ("postgres://me:12/34@host/db::t", "postgres://me:***@host/db::t"),
        ("postgres://me:my pass word@host/db::t", "postgres://me:***@host/db::t"),
        ('postgres://me:qu"ote@host/db', "postgres://me:***@host/db"),
        ("postgres://:secret@host/db", "postgres://:***@host/db"),
        ("postgres://me:p%40ss@host/db", "postgres://me:***@host/db"),
        (
            "next=postgres%3A%2F%2Fme%3As3cret%40host%2Fdb&x=1",
            "next=postgres%3A%2F%2Fme%3A***%40host%2Fdb&x=1",
        ),
        ("url=db%3Fpassword%3Ds3cret%26x%3D1", "url=db%3Fpassword%3D***%26x%3D1"),
        (
            "a postgres://u:one@h/x and postgres://v:two@h/y",
            "a postgres://u:***@h/x and postgres://v:***@h/y",
        ),
        ("https://me:pa/ss@host/x", "https://me:***@host/x"),
        # and what is none
        ("http://host:5000/a?mail=b@c.com", "http://host:5000/a?mail=b@c.com"),
        ("http://127.0.0.1:5000: write to admin@shop.com", "http://127.0.0.1:5000: write to admin@shop.com"),
        ("models:/guanxi@champion of http://host:80", "models:/guanxi@champion of http://host:80"),
        ("postgres://me:secret@host/db: ask a@b.com", "postgres://me:***@host/db: ask a@b.com"),
        ("postgres://host:5432/db: ask a@b.com", "postgres://host:5432/db: ask a@b.com"),
        ("postgres://host:5432/db::sales ask a@b.com", "postgres://host:5432/db::sales ask a@b.com"),
        ("sqlite:////srv/a@b/mlflow.db", "sqlite:////srv/a@b/mlflow.db"),
        ("compass=north, tokens=5, signal=1, passport=7", "compass=north, tokens=5, signal=1, passport=7"),
        ("--columns customer_id=token, amount=Total", "--columns customer_id=token, amount=Total"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_hiding_passwords_takes_no_time() -> None:
    begin = time.perf_counter()
    for text in ("://a:" * 4_000, "postgres://me:" + "x" * 50_000, "password=" * 5_000, "%3A%2F%2F" * 3_000):
        redact(text)
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    "address", ["me:pa/ss#w@rd@localhost/db", "me:secret:word@localhost:x/db", "me:secret@[::1/db"]
)
def test_an_address_that_cannot_be_read_shows_nothing_of_it(address: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_transactions(f"postgres://{address}::sales")
    assert not any(part in str(caught.value) for part in ("pa/ss", "w@rd", "secret", "ss#"))
    assert "\n" not in str(caught.value)


def test_bundled_data() -> None:
    """Fader & Hardie (2001): 23,570 customers of the first quarter of 1997; the tenth of them, 2,357."""
    cdnow, sample = datasets.load_cdnow(), datasets.load_cdnow_sample()
    assert (len(cdnow), cdnow["customer_id"].nunique()) == (69_659, 23_570)
    assert (len(sample), sample["customer_id"].nunique()) == (6_919, 2_357)
    assert read_transactions("cdnow-sample").lines_accepted == 6_919


def test_a_reversed_table_of_objects_is_read():
    table = pd.DataFrame(
        {"customer_id": [1, "b", 3], "timestamp": ["2024-01-01"] * 3, "amount": [1.0, 2.0, 3.0]}, dtype=object
    )
    assert read_transactions(table.iloc[::-1]).lines_read == 3
