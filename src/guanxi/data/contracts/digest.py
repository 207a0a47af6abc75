"""Digest of contract data."""

from __future__ import annotations

import hashlib
from typing import Any

import ibis

from guanxi.data.contracts.log import ContractLog


def contract_digest(log: ContractLog) -> str:
    """Digest of all contracts and attributes, in any order; repeated contracts count."""
    tables = [log.contracts.drop("line_number"), *([] if log.attributes is None else [log.attributes])]
    parts = [(table.columns, _total(log.connection, table)) for table in tables]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _total(connection: Any, table: Any) -> Any:
    sql = ibis.to_sql(table, dialect="duckdb")
    return connection.raw_sql(f"SELECT count(*), sum(hash(line)) FROM ({sql}) AS line").fetchone()
