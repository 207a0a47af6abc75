"""The indicator table: every indicator of every customer, with notes on unknown ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from guanxi.features.relations.customer_totals import YEAR_DAYS
from guanxi.scorecard._notes import Names, Note, Term
from guanxi.scorecard.indicators._advocacy import advocacy
from guanxi.scorecard.indicators._catalogue import CATALOGUE
from guanxi.scorecard.indicators._definition import Indicator, Inputs
from guanxi.scorecard.indicators._interaction import interaction
from guanxi.scorecard.indicators._loyalty import loyalty
from guanxi.scorecard.indicators._risk import risk
from guanxi.scorecard.indicators._satisfaction import satisfaction
from guanxi.scorecard.indicators._value import value
from guanxi.scorecard.targets._estimates import portfolio


def indicator_table(
    predictions: pd.DataFrame,
    totals: pd.DataFrame | None = None,
    relations: pd.DataFrame | None = None,
    *,
    margin_rate: float = 1.0,
) -> tuple[pd.DataFrame, list[str]]:
    """Compute every indicator of :data:`.CATALOGUE` for every customer of the predictions.

    Parameters
    ----------
    predictions : pandas.DataFrame
        The prediction table.
    totals : pandas.DataFrame, optional
        From :func:`guanxi.features.relations.customer_totals.totals_at`, as of the same day.
    relations : pandas.DataFrame, optional
        Relation features of the same day: one row per customer who appears in them.
    margin_rate : float
        Margin as a share of revenue of the model (``clv.margin``), used if the log has no margin.

    Returns
    -------
    table : pandas.DataFrame
        ``customer_id`` and one float64 column per indicator, in the order of the catalogue; rows in the order
        of the predictions; NaN is unknown.
    notes : list of str
        Absent sources, and the indicators unknown for that reason.

    Raises
    ------
    DataError
        If ``customer_id`` is missing or not unique, a value is infinite or not a number, referrals form a
        loop, or a share of wallet is outside 0 to 1.

    Examples
    --------
    >>> scores = pd.DataFrame({"customer_id": ["a"], "clv": [80.0], "value_at_risk": [20.0]})
    >>> table, notes = indicator_table(scores)
    >>> table[["future_value", "value_at_risk"]].to_dict("list")
    {'future_value': [80.0], 'value_at_risk': [20.0]}
    """
    inputs = Inputs(predictions, totals, relations)
    columns = {
        **value(inputs, margin_rate),
        **loyalty(inputs),
        **satisfaction(inputs),
        **interaction(inputs),
        **risk(inputs),
        **advocacy(inputs),
    }
    table = pd.DataFrame(
        {name: columns[name].astype("float64") for name in CATALOGUE}, index=inputs.customers
    )
    return table.reset_index(), list(_notes(inputs, table, margin_rate))


def summarise_indicators(
    indicators: pd.DataFrame, horizon_days: int | None, catalogue: Mapping[str, Indicator] = CATALOGUE
) -> pd.DataFrame:
    """Describe the indicators known for at least one customer: unit, period, number known, mean.

    Returns
    -------
    pandas.DataFrame
        ``indicator, dimension, unit, period`` (as in :class:`.Indicator`)``, period_days`` (missing: no fixed
        length)``, higher_is_better, customers`` (with a known value)``, mean``.

    Examples
    --------
    >>> table, _ = indicator_table(pd.DataFrame({"customer_id": ["a"], "clv": [80.0]}))
    >>> summarise_indicators(table, 90)[["indicator", "unit", "period_days"]].values.tolist()
    [['future_value', 'margin', 90]]
    """
    known = indicators[list(catalogue)].dropna(axis="columns", how="all")
    means = {name: portfolio(indicators, str(name)).mean() for name in known}
    days = {"horizon": horizon_days, "last_year": YEAR_DAYS}
    rows = [
        {
            "indicator": each.name,
            "dimension": each.dimension,
            "unit": each.unit,
            "period": each.period,
            "period_days": days.get(each.period),
            "higher_is_better": each.higher_is_better,
            "customers": int(known[each.name].count()),
            "mean": float(means[each.name]),
        }
        for each in catalogue.values()
        if each.name in known
    ]
    return pd.DataFrame(rows).astype({"period_days": "Int64"})


def _notes(inputs: Inputs, table: pd.DataFrame, margin_rate: float) -> Iterable[str]:
    if inputs.total("revenue").notna().any() and inputs.total("margin").isna().all():
        yield Note("no_margin", rate=margin_rate)
    if inputs.total("margin").notna().any() and inputs.prediction("margin_rate").isna().all():
        yield Note("model_without_margin", rate=margin_rate)
    for name in inputs.unmatched_tables():
        yield Note("nobody_in_table", table=Term(name))
    unknown = [CATALOGUE[name] for name in table.columns[table.isna().all()]]
    absent: dict[str, list[str]] = {}
    for indicator in unknown:
        source = _absent_source(inputs, indicator)
        absent.setdefault(source, []).append(indicator.name)
    without_reason = absent.pop("", [])
    for source, names in absent.items():
        yield Note("no_table", table=Term(source), names=Names(names))
    if without_reason:
        yield Note("unknown_for_all", names=Names(without_reason))


def _absent_source(inputs: Inputs, indicator: Indicator) -> str:
    return next((source for source in indicator.sources if not inputs.has(source)), "")
