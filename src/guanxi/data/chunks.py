"""Customers in order, a chunk at a time, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import ibis

from guanxi.data.engine import _one_thread


def even_bounds(rows: int, size: int) -> list[int]:
    """Give the ends of chunks of at most ``size`` rows, as equal as possible, preceded by 0.

    Examples
    --------
    >>> even_bounds(11, 5)
    [0, 3, 7, 11]
    """
    count = max(1, -(-rows // size))
    return [rows * i // count for i in range(count + 1)]


class CustomerChunks:
    """The customers of a table in the order of ``customer_id``, cut into chunks.

    Parameters
    ----------
    connection : ibis backend
        From :func:`guanxi.data.engine.connect`.
    table : ibis.Table
        With ``customer_id``, each as often as it likes.
    size : callable of int to int
        Greatest number of customers in a chunk, given the number of all.

    Attributes
    ----------
    bounds : list of int
        Chunk i holds the customers from place ``bounds[i]`` to before ``bounds[i + 1]``.
    """

    def __init__(self, connection: Any, table: Any, size: Callable[[int], int]) -> None:
        self.connection = connection
        self._name = f"customers_{uuid4().hex}"
        ordered = table.select("customer_id").distinct().order_by("customer_id")
        with _one_thread(connection):
            customers = int(connection.create_table(self._name, ordered).count().execute())
        self.bounds = even_bounds(customers, size(customers))

    def __len__(self) -> int:
        """Count the chunks."""
        return len(self.bounds) - 1

    def sql(self, number: int) -> str:
        """Write the query of a chunk's customers."""
        first, end = self.bounds[number : number + 2]
        return f"SELECT customer_id FROM {self._name} LIMIT {end - first} OFFSET {first}"

    def close(self) -> None:
        """Drop the list of customers."""
        self.connection.drop_table(self._name)


class ChunkQuery:
    """A query that is compiled once and run on one chunk of customers after another.

    Parameters
    ----------
    chunks : CustomerChunks
    tables : mapping of str to ibis.Table
        Each with ``customer_id`` and ``date``.
    build : callable
        Makes the query of tables given by these names.
    """

    def __init__(self, chunks: CustomerChunks, tables: Mapping[str, Any], build: Callable[..., Any]) -> None:
        self._chunks = chunks
        stand_ins = {name: ibis.table(table.schema(), name=f"chunk_{name}") for name, table in tables.items()}
        self.sql = str(ibis.to_sql(build(**stand_ins), dialect="duckdb"))
        compile_table = chunks.connection.compile
        self._tables = {
            name: compile_table(table) for name, table in tables.items() if f'"chunk_{name}"' in self.sql
        }

    def execute(self, number: int, before: str = "") -> Any:
        """Run the query on a chunk, preceded by ``before`` (``INSERT INTO …``); give its Arrow table."""
        connection = self._chunks.connection
        customers = f"CREATE OR REPLACE TEMP TABLE chunk_customers AS {self._chunks.sql(number)}"
        with _one_thread(connection):
            connection.con.execute(customers)
            for name, sql in self._tables.items():
                connection.con.execute(
                    f"CREATE OR REPLACE TEMP TABLE chunk_{name} AS SELECT * FROM ({sql}) "
                    "WHERE customer_id IN (FROM chunk_customers) ORDER BY customer_id, date"
                )
            return connection.con.execute(f"{before} {self.sql}").fetch_arrow_table()

    def close(self) -> None:
        """Drop the last chunk's rows."""
        for name in ("customers", *self._tables):
            self._chunks.connection.con.execute(f"DROP TABLE IF EXISTS temp.chunk_{name}")
