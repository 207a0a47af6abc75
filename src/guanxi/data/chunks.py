"""Ordered chunks of customers, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import ibis

from guanxi.data.engine import _one_thread


def even_bounds(rows: int, size: int) -> list[int]:
    """Bounds of chunks of at most ``size`` rows, as equal as possible, starting with 0.

    Examples
    --------
    >>> even_bounds(11, 5)
    [0, 3, 7, 11]
    """
    count = max(1, -(-rows // size))
    return [rows * i // count for i in range(count + 1)]


class CustomerChunks:
    """The customers of a table, sorted by ``customer_id`` and split into chunks.

    Parameters
    ----------
    connection : ibis backend
        The engine.
    table : ibis.Table
        With ``customer_id``, which may repeat.
    size : callable of int to int
        Maximum number of customers in a chunk, given the number of all customers.

    Attributes
    ----------
    bounds : list of int
        Chunk i has the customers at positions ``bounds[i]`` to ``bounds[i + 1] - 1``.
    """

    def __init__(self, connection: Any, table: Any, size: Callable[[int], int]) -> None:
        self.connection = connection
        self._name = f"customers_{uuid4().hex}"
        ordered = table.select("customer_id").distinct().order_by("customer_id")
        with _one_thread(connection):
            customers = int(connection.create_table(self._name, ordered).count().execute())
        self.bounds = even_bounds(customers, size(customers))

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self.bounds) - 1

    def sql(self, number: int) -> str:
        """Return the SQL query for the customers of a chunk."""
        first, end = self.bounds[number : number + 2]
        return f"SELECT customer_id FROM {self._name} LIMIT {end - first} OFFSET {first}"

    def close(self) -> None:
        """Drop the list of customers."""
        self.connection.drop_table(self._name)


class ChunkQuery:
    """A query that is compiled once and run on each chunk of customers.

    Parameters
    ----------
    chunks : CustomerChunks
    tables : mapping of str to ibis.Table
        Each with ``customer_id``; rows are in the order of ``date``, if there is one, within a customer.
    build : callable
        Builds the query from tables passed by these names.
    """

    def __init__(self, chunks: CustomerChunks, tables: Mapping[str, Any], build: Callable[..., Any]) -> None:
        self._chunks = chunks
        inputs = {name: ibis.table(table.schema(), name=f"chunk_{name}") for name, table in tables.items()}
        self.sql = str(ibis.to_sql(build(**inputs), dialect="duckdb"))
        compile_table = chunks.connection.compile
        used = {name: table for name, table in tables.items() if f'"chunk_{name}"' in self.sql}
        self._tables = {name: compile_table(table) for name, table in used.items()}
        self._order = {name: ", date" if "date" in table.columns else "" for name, table in used.items()}

    def execute(self, number: int, before: str = "") -> Any:
        """Run the query, preceded by ``before`` (``INSERT INTO …``), on a chunk; return the Arrow table."""
        connection = self._chunks.connection
        customers = f"CREATE OR REPLACE TEMP TABLE chunk_customers AS {self._chunks.sql(number)}"
        with _one_thread(connection):
            connection.con.execute(customers)
            for name, sql in self._tables.items():
                connection.con.execute(
                    f"CREATE OR REPLACE TEMP TABLE chunk_{name} AS SELECT * FROM ({sql}) "
                    f"WHERE customer_id IN (FROM chunk_customers) ORDER BY customer_id{self._order[name]}"
                )
            return connection.con.execute(f"{before} {self.sql}").fetch_arrow_table()

    def close(self) -> None:
        """Drop the rows of the last chunk."""
        for name in ("customers", *self._tables):
            self._chunks.connection.con.execute(f"DROP TABLE IF EXISTS temp.chunk_{name}")
