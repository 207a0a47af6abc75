"""Association of drivers with later spend and churn.

The estimates are associations, not causal effects: more satisfied customers may differ in unmeasured ways.

Choice of controls. A control should precede the driver: attributes, contract, acquisition. Recency and
frequency are consequences of it (engaged customers buy more often *because* they are engaged). Controlling
for them blocks the path of interest and opens others (bad controls: Angrist & Pischke 2009, Mostly Harmless
Econometrics, section 3.2.3; Cinelli, Forney & Pearl 2022, A Crash Course in Good and Bad Controls); it
answers a different question: what does the driver add to the purchases? For the same reason each driver is
estimated alone, including its effect through the others (service raises satisfaction), and jointly with them,
excluding that effect.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import compress

import numpy as np
import pandas as pd

from guanxi.errors import DataError, ParamsError, did_you_mean
from guanxi.scorecard.elasticities._design import Floats, logarithms
from guanxi.scorecard.elasticities._model import Measure, OutcomeModel

_ALONE, _TOGETHER = "controls", "controls and the other drivers"


def elasticities(
    indicators: pd.DataFrame,
    outcomes: pd.DataFrame,
    drivers: Sequence[str],
    controls: Sequence[str] = (),
    *,
    answers: pd.DataFrame | None = None,
    logarithmic: Collection[str] = (),
    level: float = 0.9,
) -> pd.DataFrame:
    """Estimate how outcomes vary with each driver.

    Linear regression of each outcome, as a share of its mean, on drivers and controls. Whatever the true
    regression function, also for binary or zero-inflated outcomes, the slopes are weighted averages of its
    slopes (Yitzhaki 1996, On Using Linear Regressions in Welfare Economics, Journal of Business & Economic
    Statistics 14(4)). Intervals use the sandwich covariance (White 1980, Econometrica 48(4)). For survey
    answers, measurement error is corrected as far as customers have answered more than once
    (:mod:`._errors_in_variables`): estimates refer to a customer's long-run mean answer. Without the
    correction they would be biased towards 0.

    Parameters
    ----------
    indicators : DataFrame
        ``customer_id``, drivers and controls, as of a cutoff. Do not use model predictions (P(alive), churn
        probability): they predict the outcome by construction.
    outcomes : DataFrame
        ``customer_id`` and outcomes *after* that cutoff, such as ``spend, churned``; means must be above 0.
    drivers : sequence of str
        Customers with an unknown driver are left out of the rows that use it.
    controls : sequence of str
        Numeric or categorical; unknown is a separate category.
    answers : DataFrame, optional
        ``customer_id, driver, value``, one row per answer, from :func:`._own_data.survey_answers`. Such a
        driver is the mean answer; the values in ``indicators``, which may be shrunk or the last answer, are
        ignored. Measurement errors of different drivers are assumed independent.
    logarithmic : collection of str
        Drivers and controls transformed by ``log(1 + x)``: counts, amounts.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``outcome, driver, adjusted_for``; ``estimate, lower, upper``: change of the outcome, as a share of
        its mean, per standard deviation of the driver (.14: 14 % more), stated in ``unit``; ``elasticity,
        elasticity_lower, elasticity_upper``: per cent change of the outcome per one per cent of the driver,
        at the means (NaN if the driver has negative values); ``reliability``: share of the driver's variance
        that is not measurement error; ``n``; ``note``. If an effect cannot be estimated, NaN and the reason
        in ``note``.

    Raises
    ------
    ParamsError
        If a column is unknown, named twice, or cannot be used as asked.
    DataError
        If customers are not unique, none has both sides, a value is infinite, or drivers are collinear.

    Examples
    --------
    >>> points = np.repeat([1.0, 2.0, 3.0], 40)
    >>> customers = pd.DataFrame({"customer_id": np.arange(120), "csat": points})
    >>> after = pd.DataFrame({"customer_id": np.arange(120), "spend": 10.0 * 1.5**points})
    >>> elasticities(customers, after, ["csat"])["elasticity"].round(3).tolist()
    [0.789]
    """
    answered = set() if answers is None else set(answers["driver"])
    names = [*drivers, *controls]
    _check_names(names, {*indicators.columns, *answered}, list(outcomes.columns), logarithmic)
    if answered & set(logarithmic):
        raise ParamsError(f"{min(answered & set(logarithmic))} is an answer: leave it out of logarithmic")
    if not 0.0 < level < 1.0:
        raise ParamsError(f"level is {level}: give a probability between 0 and 1")
    table = _joined(indicators[[name for name in indicators if name in ("customer_id", *names)]], outcomes)
    measures = [
        _mean_answer(table["customer_id"], name, answers[answers["driver"] == name])
        if answers is not None and name in answered
        else _as_it_is(table, name, name in logarithmic)
        for name in drivers
    ]
    rows = []
    for outcome in outcomes.columns.drop("customer_id"):
        after = _numbers(table, outcome)
        model = OutcomeModel(outcome, after, table[list(controls)], logarithmic, level)
        alone = [model.rows([measure], _ALONE)[0] for measure in measures]
        usable = list(compress(measures, (np.isfinite(row["estimate"]) for row in alone)))
        rows += alone + (model.rows(usable, _TOGETHER) if len(usable) > 1 else [])
    return pd.DataFrame(rows)


def _check_names(
    names: Sequence[str], known: Collection[str], outcomes: Collection[str], logarithmic: Collection[str]
) -> None:
    for name in names:
        if name not in known:
            raise ParamsError(f"no indicator is called {name}: {did_you_mean(name, known)}")
        if list(names).count(name) > 1:
            raise ParamsError(f"{name} is given twice: as a driver or as a control, once")
        if name in outcomes:
            raise ParamsError(f"{name} is an outcome: it cannot explain itself")
    for name in logarithmic:
        if name not in names:
            raise ParamsError(f"logarithmic names {name}, which is neither driver nor control")


def _joined(indicators: pd.DataFrame, outcomes: pd.DataFrame) -> pd.DataFrame:
    for what, table in (("indicators", indicators), ("outcomes", outcomes)):
        twice = table.loc[table["customer_id"].duplicated(), "customer_id"]
        if len(twice):
            raise DataError(f"customer {twice.iloc[0]} appears twice in the {what}: give one row each")
    table = outcomes.merge(indicators, on="customer_id")
    if table.empty:
        raise DataError("no customer has both indicators and outcomes: are they of the same customers?")
    return table


def _as_it_is(table: pd.DataFrame, name: str, logarithmic: bool) -> Measure:
    values = _numbers(table, name)
    return Measure(name, logarithms(values, name) if logarithmic else values, None, logarithmic)


def _mean_answer(customers: pd.Series, name: str, answers: pd.DataFrame) -> Measure:
    by_customer = answers.groupby("customer_id")["value"].agg(["mean", "count", "var"]).reindex(customers)
    mean, number, spread = (by_customer[name].to_numpy(dtype=np.float64) for name in by_customer)
    return Measure(name, mean, (number, spread), logarithmic=False)


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    try:
        values = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise DataError(f"{name} is {table[name].dtype}: drivers and outcomes are numbers") from None
    if np.isinf(values).any():
        raise DataError(f"{name} is infinite for customer {table['customer_id'][np.isinf(values)].iloc[0]}")
    return values
