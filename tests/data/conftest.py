from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.params import DataParams

HEADER = "customer_id,timestamp,amount\n"
Reader = Callable[..., TransactionLog]


@pytest.fixture
def read_lines(tmp_path: Path) -> Reader:
    """Write a CSV file below the usual header and read it."""

    def read(
        lines: str | bytes, *, header: str = HEADER, name: str = "log.csv", **params: object
    ) -> TransactionLog:
        content = lines if isinstance(lines, bytes) else (header + lines).encode()
        (tmp_path / name).write_bytes(content)
        return read_transactions(str(tmp_path / name), DataParams(**params))  # type: ignore[arg-type]

    return read
