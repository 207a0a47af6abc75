"""``guanxi predict`` with a model of contracts: score the customers under contract on a day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.contracts.digest import contract_digest
from guanxi.data.contracts.log import ContractLog
from guanxi.data.engine import explain_no_space
from guanxi.errors import HistoryError
from guanxi.features.contracts.snapshots import ContractChunks
from guanxi.jobs._scoring import Scoring, scorers, side_by_side
from guanxi.registry.loaded_model import LoadedContractModel

_CUSTOMERS_AT_ONCE = 50_000
_FIRST = ("customer_id", "as_of", "horizon_days", "plan")


def contract_scoring(
    log: ContractLog,
    loaded: LoadedContractModel,
    day: date,
    horizon_days: int | None = None,
    drivers: int | None = None,
) -> Scoring:
    """Split the customers under contract on a day into chunks, ordered by ``customer_id``.

    Raises
    ------
    HistoryError
        If nobody was under contract on the day.
    """
    with explain_no_space():
        features = ContractChunks(log, day, _CUSTOMERS_AT_ONCE)
    if features.bounds[-1] == 0:
        raise HistoryError(
            f"{log.source}: nobody was under contract on {day}; the data begin on {log.first_day} and end on "
            f"{log.last_day}"
        )
    # What fits contracts takes a second to import; jobs on purchases do without.
    from guanxi.pipeline.contracts import with_time_to_renewal

    settings = {"as_of": day.isoformat(), "horizon_days": horizon_days, "drivers": drivers}

    def score(numbers: Sequence[int]) -> Iterator[pd.DataFrame]:
        customers = sum(features.bounds[number + 1] - features.bounds[number] for number in numbers)
        plans: list[pd.Series[Any]] = []

        def known(table: pd.DataFrame) -> pd.DataFrame:
            plans.append(table["plan"])
            return with_time_to_renewal(table, log, day)

        with scorers(loaded, settings, customers) as at_work:
            for table in side_by_side(at_work, map(known, features.ahead(numbers))):
                scores = table.assign(plan=plans.pop(0).to_numpy(), model_version=loaded.version)
                yield scores[[*_FIRST, *(name for name in scores if name not in _FIRST)]]

    facts = {
        "source": log.source,
        "source_digest": contract_digest(log),
        "as_of": day.isoformat(),
        "horizon_days": loaded.horizon_days if horizon_days is None else horizon_days,
        "drivers": loaded.served.drivers.top if drivers is None else drivers,
        "lines_read": log.lines_read,
        "lines_rejected": log.lines_read - log.lines_accepted,
        "rejected_by_rule": log.rejected_by_rule,
        "customers_without_purchase": log.customers_without_contract,
    }
    return Scoring(facts, features.bounds, features.id_type, score, close=log.close)
