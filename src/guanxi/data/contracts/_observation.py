"""How far contract data reach, so that leaving is told from not having been watched longer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from guanxi.data._findings import DataFinding, told
from guanxi.data.contracts.calendar import literal_day


def observed_until(contracts: Any, day: date | None) -> tuple[date, tuple[DataFinding, ...]]:
    """Return the last day that contracts tell of, and what is odd about their ends.

    It is ``day`` where that is known (that of a file of customers), else the last start or end. Ends in the
    future are planned ones, from which those in the past cannot be told: only the starts count then.
    """
    today = literal_day(datetime.now(UTC).date())
    reach = contracts.agg(
        started=contracts.start.max(),
        ended=contracts.end.max(where=contracts.end <= today),
        planned=(contracts.end > today).sum().fill_null(0),
        ends=contracts.end.count(),
        lines=contracts.count(),
    )
    row = reach.execute().iloc[0]
    planned, ends, lines = (int(row[name]) for name in ("planned", "ends", "lines"))
    times = [row["started"]] if planned or pd.isna(row["ended"]) else [row["started"], row["ended"]]
    last = day or max(pd.Timestamp(time) for time in times).date()
    if planned and day is None:
        return last, (
            told("planned_ends", facts={"count": f"{planned:,}", "last": str(last)}, lines=planned),
        )
    if not ends:
        return last, (told("no_contract_ended", lines=lines),)
    if ends == lines:
        return last, (told("all_contracts_ended", facts={"last": str(last)}, lines=lines),)
    return last, ()
