"""What goes with value and churn, in the customers' own data: a horizon ago against what came since."""

from __future__ import annotations

from datetime import date

import pandas as pd

from guanxi.data.engine import execute_in_order
from guanxi.data.relations.tables import Relations
from guanxi.data.transactions import TransactionLog
from guanxi.errors import DataError
from guanxi.features.relations.customer_features import relation_features
from guanxi.features.rfm import rfm_expression
from guanxi.features.snapshots import outcome_expression
from guanxi.scorecard.day_tables import own_attributes
from guanxi.scorecard.elasticities.elasticities import elasticities
from guanxi.scorecard.elasticities.survey_answers import survey_answers

# Satisfaction, loyalty and service quality as answered; how often one was in touch. Effort (CES) is asked of
# few, and says little beside them that is no noise.
_ASKED, _COUNTED = ("csat", "nps_score", "servqual_gap"), ("interactions",)
_FEWEST = 200


def measure_elasticities(
    log: TransactionLog, relations: Relations, cutoff: date, horizon_days: int
) -> tuple[pd.DataFrame, str]:
    """Relate answers and contacts up to the cutoff to spend and churn in the days after it.

    Controls are what was there before: attributes, contract, acquisition, age of the relationship.

    Returns
    -------
    table : pandas.DataFrame
        Of :func:`.elasticities.elasticities`; empty where nothing was asked or counted.
    note : str
        Why it is empty; else empty.
    """
    features = relation_features(relations, cutoff)
    surveys = relations.table("surveys")
    answers = None if surveys is None else survey_answers(surveys.execute(), cutoff)
    customers = _known(log, cutoff).merge(features, "left", "customer_id")
    customers["interactions"] = _counts(customers, relations)
    drivers = [name for name in _COUNTED if _enough(customers[name])]
    if answers is not None:
        answers = answers[
            answers["driver"].isin(_ASKED) & answers["customer_id"].isin(customers["customer_id"])
        ]
        means = answers.groupby(["driver", "customer_id"])["value"].mean()
        drivers = [name for name in _ASKED if name in means.index and _enough(means.loc[name])] + drivers
    if not drivers:
        return (
            pd.DataFrame(),
            f"elasticities: no answers or contacts of {_FEWEST} customers or more that differ",
        )
    clashing = {*_ASKED, *_COUNTED, "spend", "churned"}
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
        return pd.DataFrame(), f"elasticities could not be estimated: {error}"
    return found, ""


def _known(log: TransactionLog, cutoff: date) -> pd.DataFrame:
    rfm = rfm_expression(log.events, cutoff, log.params.event_grain).select("customer_id")
    return execute_in_order(log.connection, rfm.order_by("customer_id"))


def _counts(customers: pd.DataFrame, relations: Relations) -> pd.Series[float]:
    """Contacts of each customer; who stands in no line had none, where the table is there."""
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
