"""Predictions for contracts as of one horizon ago, against what happened since."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from guanxi.data.contracts.log import ContractLog
from guanxi.evaluation.contracts import contract_outcomes
from guanxi.evaluation.realised_performance import measure
from guanxi.jobs._realised import _CHAMPION, RealisedPerformance, _not_yet
from guanxi.params import Params
from guanxi.periods import add_days, parse_date
from guanxi.pipeline.contracts import customers_to_score
from guanxi.registry.loaded_model import LoadedContractModel


def realised_contracts(
    log: ContractLog, loaded: LoadedContractModel, profile: Mapping[str, Any], day: date, params: Params
) -> RealisedPerformance:
    """Measure the model's predictions as of one horizon before ``day``, unless it was trained later.

    A file of customers tells of one day only, so that nothing can be measured.
    """
    trained, days = parse_date(loaded.as_of, what="the model's as_of"), loaded.horizon_days
    known_until = min(day, log.last_day)
    as_of = add_days(known_until, -days)
    if log.form == "customers":
        return RealisedPerformance(_CHAMPION, trained, day, note="a file of customers knows one day only")
    if as_of < trained:
        until = add_days(trained, days)
        return RealisedPerformance(_CHAMPION, trained, until, note=_not_yet(trained, until, known_until))
    features = customers_to_score(log, as_of)
    scores = loaded.predict(features, as_of=as_of.isoformat(), drivers=0)
    scores.insert(0, "customer_id", features["customer_id"].to_numpy())
    table = scores.merge(contract_outcomes(log, as_of, days, params), on="customer_id")
    then = list(profile["held_out"])
    until = add_days(as_of, days)
    return RealisedPerformance(_CHAMPION, as_of, until, len(table), 0, measure(table, params.seed), then)
