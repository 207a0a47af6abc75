"""Associations with value and churn in the user's data: drivers one horizon ago, outcomes since then."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.relations.rules import SCALES
from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.rfm import rfm_expression
from guanxi.features.snapshots import outcome_expression
from guanxi.scorecard._day_tables import own_attributes
from guanxi.scorecard._notes import Note
from guanxi.scorecard.elasticities._elasticities import elasticities

# Survey answers on satisfaction, loyalty and service quality; number of contacts. Effort (CES) is asked of
# few customers, and given the others it is mostly measurement error.
_SURVEYED, _BEHAVIOUR = ("csat", "nps_score", "servqual_gap"), ("interactions",)
_FEWEST = 200
_DRIVERS = {"csat": "csat", "nps": "nps_score", "ces": "ces", "servqual": "servqual_gap"}  # by instrument


def measure_elasticities(
    log: TransactionLog, relations: Relations, cutoff: date, horizon_days: int
) -> tuple[pd.DataFrame, str]:
    """Relate answers and contacts up to the cutoff to spend and churn in the following window.

    Controls precede the drivers: attributes, contract, acquisition, age of the relationship.

    Returns
    -------
    table : pandas.DataFrame
        From :func:`._elasticities.elasticities`; empty without answers or contacts.
    note : str
        Why the table is empty; otherwise empty.
    """
    features = relation_features(relations, cutoff)
    customers = _customers(log, cutoff).merge(features, "left", "customer_id")
    customers["interactions"] = _contacts(customers, relations)
    answers = _scale_answers(relations, customers["customer_id"], cutoff)
    drivers = _drivers(customers, answers)
    if not drivers:
        return (
            pd.DataFrame(),
            Note("no_elasticities", fewest=_FEWEST),
        )
    clashing = {*_SURVEYED, *_BEHAVIOUR, "spend", "churned"}
    known = ["acquired_days", "acquisition_channel", "contract", *own_attributes(features)]
    controls = [
        name for name in known if name in customers and name not in clashing and customers[name].notna().any()
    ]
    logarithmic = [name for name in ("interactions", "acquired_days") if name in (*drivers, *controls)]
    try:
        found = elasticities(
            customers,
            _outcomes(log, customers["customer_id"], cutoff, horizon_days),
            drivers,
            controls,
            answers=answers,
            logarithmic=logarithmic,
        )
    except DataError as error:
        return pd.DataFrame(), Note("elasticities_failed", error=str(error))
    return found, ""


def _scale_answers(relations: Relations, customers: pd.Series[str], cutoff: date) -> pd.DataFrame | None:
    surveys = relations.table("surveys")
    if surveys is None:
        return None
    answers = survey_answers(surveys.execute(), cutoff)
    return answers[answers["driver"].isin(_SURVEYED) & answers["customer_id"].isin(customers)]


def _drivers(customers: pd.DataFrame, answers: pd.DataFrame | None) -> list[str]:
    contacts = [name for name in _BEHAVIOUR if _enough(customers[name])]
    if answers is None:
        return contacts
    means = answers.groupby(["driver", "customer_id"])["value"].mean()
    return [name for name in _SURVEYED if name in means.index and _enough(means.loc[name])] + contacts


def _customers(log: TransactionLog, cutoff: date) -> pd.DataFrame:
    rfm = rfm_expression(log.events, cutoff, log.params.event_grain).select("customer_id")
    return execute_in_order(log.connection, rfm.order_by("customer_id"))


def _contacts(customers: pd.DataFrame, relations: Relations) -> pd.Series[float]:
    """Contacts of each customer; 0 for customers without one, if the table exists."""
    counts = customers["interactions"].astype("float64")
    return counts.fillna(0.0) if relations.table("interactions") is not None else counts


def _enough(values: pd.Series[float]) -> bool:
    known = values.dropna()
    return len(known) >= _FEWEST and known.min() < known.max()


def _outcomes(
    log: TransactionLog, customers: pd.Series[str], cutoff: date, horizon_days: int
) -> pd.DataFrame:
    window = outcome_expression(log.events, cutoff, horizon_days, log.params.event_grain)
    bought = execute_in_order(log.connection, window.order_by("customer_id"))
    table = customers.to_frame().merge(bought, "left", "customer_id")
    churned = table["purchases"].isna().astype("float64")
    return pd.DataFrame(
        {"customer_id": table["customer_id"], "spend": table["spend"].fillna(0.0), "churned": churned}
    )


def survey_answers(surveys: pd.DataFrame, cutoff: date) -> pd.DataFrame:
    """List every answer up to and including the cutoff day, with the indicator it measures.

    Surveys have ``customer_id, timestamp, instrument, score``, if known ``scale_low, scale_high``, and for
    SERVQUAL ``expectation``; dimensions rated by a customer at the same time are one answer. Returns
    ``customer_id, driver, value``: ``csat, ces`` (0 to 1), ``nps_score`` (0 to 10), ``servqual_gap`` (share
    of the scale).

    Examples
    --------
    >>> surveys = pd.DataFrame({"customer_id": ["a"], "timestamp": [pd.Timestamp("2024-05-01")]})
    >>> survey_answers(surveys.assign(instrument="csat", score=4.0), date(2024, 5, 1))["value"].tolist()
    [0.75]
    """
    past = surveys[surveys["timestamp"] < pd.Timestamp(cutoff) + pd.Timedelta(days=1)]
    tables = [_answers(past[past["instrument"] == instrument], instrument) for instrument in _DRIVERS]
    return pd.concat(tables, ignore_index=True)[["customer_id", "driver", "value"]]


def _answers(rows: pd.DataFrame, instrument: str) -> pd.DataFrame:
    low, high = (
        rows[column].fillna(usual) if column in rows else usual
        for column, usual in zip(("scale_low", "scale_high"), SCALES[instrument], strict=True)
    )
    if instrument == "servqual":
        value = (rows["score"] - rows.get("expectation", np.nan)) / (high - low)
    else:
        value = (rows["score"] - low) / (high - low) * (10.0 if instrument == "nps" else 1.0)
    answers = rows[["customer_id", "timestamp"]].assign(driver=_DRIVERS[instrument], value=value)
    answers = answers.dropna(subset="value")
    if instrument != "servqual":
        return answers
    return answers.groupby(["customer_id", "timestamp", "driver"], as_index=False).agg(
        value=("value", "mean")
    )
