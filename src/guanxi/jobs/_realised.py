"""Earlier predictions, read from a table or made again, against the outcomes since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from guanxi.data.predictions import Predictions, read_predictions
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError, ParamsError
from guanxi.evaluation.realised_performance import measure, outcomes, with_outcomes
from guanxi.features.rfm import purchases_until
from guanxi.features.snapshots import features_at
from guanxi.params import Params
from guanxi.periods import add_days, parse_date
from guanxi.registry.loaded_model import LoadedTransactionModel

_CHAMPION = "the model"


@dataclass(frozen=True)
class RealisedPerformance:
    """Predictions of one day against the outcomes within their horizon.

    Attributes
    ----------
    source : str
        Origin of the predictions: a table, or the model itself, scoring again.
    as_of, until : date
        The day of the predictions, and the last of their horizon.
    customers : int
    absent : int
        Predicted customers who are not in the source; they count as not having bought.
    measures : list of dict
        :func:`guanxi.evaluation.realised_performance.measure`; empty while the horizon has not passed.
    then : list of dict
        The same for the holdout window of training; empty if the two are not comparable.
    note : str
        Caveats, or empty.
    """

    source: str
    as_of: date
    until: date
    customers: int = 0
    absent: int = 0
    measures: list[dict[str, Any]] = field(default_factory=list)
    then: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""


def measure_realised_performance(
    log: TransactionLog,
    loaded: LoadedTransactionModel,
    profile: Mapping[str, Any],
    day: date,
    predictions: str | None,
    params: Params,
) -> RealisedPerformance:
    """Measure a prediction table, or else the model's predictions as of one horizon ago.

    ``profile`` is the model's training profile, ``day`` the last day whose outcomes are known, and
    ``predictions`` a table that ``guanxi predict`` wrote; none can be given for a sample of the customers.
    """
    known_until = min(day, log.last_day)
    if predictions is not None:
        if log.weight > 1.0:
            raise ParamsError(
                f"{predictions}: of {log.source} only a sample of {log.customers:,} customers is here: leave "
                "--predictions out, and the model's own predictions of the sample are measured"
            )
        made = read_predictions(predictions, params.data)
        until = add_days(made.as_of, made.horizon_days)
        if until > known_until:
            return RealisedPerformance(
                made.source, made.as_of, until, note=_not_yet(made.as_of, until, known_until)
            )
        return _measured(log, made, profile, loaded, params.seed)
    trained = parse_date(loaded.as_of, what="the model's as_of")
    as_of = add_days(known_until, -loaded.horizon_days)
    if as_of < trained:
        until = add_days(trained, loaded.horizon_days)
        return RealisedPerformance(_CHAMPION, trained, until, note=_not_yet(trained, until, known_until))
    features = features_at(log, as_of, loaded.window_days)
    scores = loaded.predict(features, as_of=as_of.isoformat(), drivers=0)
    scores.insert(0, "customer_id", features["customer_id"].astype(str))
    own = Predictions(_CHAMPION, as_of, loaded.horizon_days, loaded.version, scores)
    return _measured(log, own, profile, loaded, params.seed)


def _measured(
    log: TransactionLog,
    made: Predictions,
    profile: Mapping[str, Any],
    loaded: LoadedTransactionModel,
    seed: int,
) -> RealisedPerformance:
    known = purchases_until(log.events, made.as_of).select("customer_id").distinct().execute()
    absent = int((~made.table["customer_id"].isin(known["customer_id"].astype(str))).sum())
    if 2 * absent > len(made.table):
        raise DataError(
            f"{made.source}: {absent:,} of its {len(made.table):,} customers had not bought by {made.as_of} "
            f"in {log.source}: give the source they were predicted from, with later transactions"
        )
    happened = outcomes(log, made.as_of, made.horizon_days).astype({"customer_id": str})
    notes = [f"{absent:,} of them are not in the source and count as lost"] if absent else []
    comparable = made.model_version == loaded.version and made.horizon_days == loaded.horizon_days
    if not comparable:
        notes.append(
            f"made by version {made.model_version} for {made.horizon_days} days, not by version "
            f"{loaded.version} for {loaded.horizon_days}: shown, not judged"
        )
    elif made.as_of < parse_date(loaded.as_of, what="the model's as_of"):
        comparable = False
        notes.append(f"made for days that the model was trained on (up to {loaded.as_of}): shown, not judged")
    return RealisedPerformance(
        source=made.source,
        as_of=made.as_of,
        until=add_days(made.as_of, made.horizon_days),
        customers=len(made.table),
        absent=absent,
        measures=measure(with_outcomes(pd.DataFrame(made.table), happened), seed),
        then=list(profile["held_out"]) if comparable else [],
        note="; ".join(notes),
    )


def _not_yet(as_of: date, until: date, known_until: date) -> str:
    return (
        f"the predictions of {as_of} can be measured once the source reaches {until} "
        f"({(until - known_until).days:,} more days)"
    )
