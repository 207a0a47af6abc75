from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from guanxi.data.transactions import TransactionLog, read_transactions
from guanxi.data.usability import assess
from guanxi.params import DataParams, load_params, parse_columns

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


@dataclass(frozen=True)
class Opened:
    """A file as it was read: customers, times and amounts of accepted lines, and everything that was said."""

    table: Counter[tuple[str, str, float]]
    rejected: dict[str, int]
    read: int
    warnings: list[str]
    said: str

    @property
    def advised(self) -> bool:
        """Whether every rule that rejected lines has its advice."""
        return sum(bool(re.search("rejected because .+: ", line)) for line in self.warnings) == len(
            self.rejected
        )


@pytest.fixture
def open_file() -> Callable[..., Opened]:
    """Read a file as the command would: a ``--columns`` text, and ``--set`` settings."""

    def read(path: Path, columns: str, *settings: str) -> Opened:
        flags = {"data.columns": parse_columns(columns)} if columns else {}
        params = load_params(overrides=settings, flags=flags)
        with closing(read_transactions(str(path), params.data)) as log:
            lines = log.lines.select("customer_id", "timestamp", "amount").execute()
            times = lines["timestamp"].dt.strftime("%Y-%m-%d %H:%M:%S")
            rows = zip(lines["customer_id"].astype(str), times, lines["amount"].astype(float), strict=True)
            warnings = assess(log, log.last_day, params.horizon_days).warnings
            findings = [f"{each.text} --set {each.setting}" for each in log.findings]
            assert log.lines_read == log.lines_accepted + sum(log.rejected_by_rule.values())
            said = _bare("\n".join([*warnings, *findings]))
            return Opened(Counter(rows), dict(log.rejected_by_rule), log.lines_read, warnings, said)

    return read


def _bare(message: str) -> str:
    """Return a message as a shell reads it."""
    return message.replace("'", "")
