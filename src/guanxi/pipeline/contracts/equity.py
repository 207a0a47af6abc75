"""What the customers under contract, their cohorts, and new customers are worth.

Intervals of totals have two parts: the outcomes of single customers, which nearly cancel, and what concerns
all at once: the parameters of the retention model, season and level of the coming months, and the growth of
the amounts. The latter are drawn from their posterior.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.errors import DataError
from guanxi.pipeline.contracts.fit import FittedContracts
from guanxi.served.contracts.amount_paths import PaymentDistribution, mean_growth
from guanxi.served.contracts.cancellation_level import level_shifts
from guanxi.served.contracts.contract_value import discount_factors, value_per_unit
from guanxi.served.contracts.document import AmountProcess, RetentionModel
from guanxi.served.contracts.retention_hazard import RetentionHazard
from guanxi.served.contracts.retention_process import RETENTION_PROCESSES
from guanxi.served.contracts.scorer import AMOUNT, LIFETIME_DAYS
from guanxi.served.contracts.survival import OpportunityTimes, SurvivalCurves, log_survival

Floats = NDArray[np.float64]

_DRAWS = 100
_SAMPLE = 400
_CHUNK = 10_000
_LARGEST_DEVIATION = 0.5
_FEW_YEARS = 3


def base_equity(fitted: FittedContracts, days: int = LIFETIME_DAYS) -> pd.DataFrame:
    """Value of the customers under contract, in total and by cohort of their start.

    Parameters
    ----------
    fitted : FittedContracts
    days : int
        Days ahead that count; default: ten years.

    Returns
    -------
    pandas.DataFrame
        ``cohort`` (year of the start, or quarter if there are fewer than three years; ``all`` is the last
        row), ``customers, equity, equity_lower, equity_upper`` (discounted margin), ``value_per_customer``
        and ``expected_remaining_months``.
    """
    features = _with_amounts(fitted)
    scored = fitted.scorer.score(features, horizon_days=days, drivers=0)
    variance = _outcome_variance(fitted, features, days)
    spread = systematic_spread(fitted, features, days)
    table = pd.DataFrame(
        {
            "cohort": _cohorts(features).to_numpy(),
            "value": scored["clv"].to_numpy(),
            "months": scored["expected_remaining_months"].to_numpy(),
            "variance": variance,
        }
    )
    groups = [*table.groupby("cohort", sort=True), ("all", table)]
    return pd.DataFrame([_equity(name, rows, spread, fitted) for name, rows in groups])


def new_customer_value(
    fitted: FittedContracts,
    by: str | None = None,
    *,
    acquisition_cost: Mapping[str, float] | float = 0.0,
    days: int = LIFETIME_DAYS,
) -> pd.DataFrame:
    """Value of a new customer, by a column such as ``plan`` or ``channel``.

    New customers are like those who began lately: the first payment, and all that follow.

    Parameters
    ----------
    fitted : FittedContracts
    by : str, optional
        A column of the customers' features; default: all together.
    acquisition_cost : mapping of str to float, or float
        Cost of acquiring a customer, by the values of ``by``.
    days : int
        Days ahead that count; default: ten years.

    Returns
    -------
    pandas.DataFrame
        ``by``, ``customers`` (the newcomers it rests on), ``amount`` (mean first payment),
        ``expected_months``, ``value, value_lower, value_upper`` (discounted margin per customer; the interval
        is that of the mean), ``acquisition_cost`` and ``value_after_acquisition``.
    """
    new = fitted.newcomers
    if new.empty or fitted.model.amounts is None:
        raise DataError("no customer began a contract with a known amount: give contracts with amounts")
    if by is not None and by not in new:
        raise DataError(
            f"{by!r} is no column of the customers: use one of {', '.join(map(str, new.columns))}"
        )
    scored = fitted.scorer.score(new, horizon_days=days, drivers=0)
    margin = fitted.model.lifetime_value.margin
    spread = systematic_spread(fitted, new, days)
    table = pd.DataFrame(
        {
            "group": "all" if by is None else new[by].to_numpy(),
            "amount": new[AMOUNT].to_numpy(),
            "months": scored["expected_remaining_months"].to_numpy(),
            "value": scored["clv"].to_numpy() + margin * new[AMOUNT].to_numpy(),
        }
    )
    low, high = _ends(fitted.model.lifetime_value.interval)
    found = []
    for name, rows in table.groupby("group", sort=True):
        value, error = float(rows["value"].mean()), spread
        cost = (
            acquisition_cost
            if isinstance(acquisition_cost, int | float)
            else acquisition_cost.get(str(name), 0.0)
        )
        found.append(
            {
                by or "group": name,
                "customers": len(rows),
                "amount": float(rows["amount"].mean()),
                "expected_months": float(rows["months"].mean()),
                "value": value,
                "value_lower": value * math.exp(low * error),
                "value_upper": value * math.exp(high * error),
                "acquisition_cost": float(cost),
                "value_after_acquisition": value - float(cost),
            }
        )
    return pd.DataFrame(found)


def total_value(fitted: FittedContracts, days: int | None = None) -> dict[str, float]:
    """Value of all customers under contract within the horizon, with its interval.

    Returns
    -------
    dict
        ``value, lower, upper``: discounted margin.
    """
    row = base_equity(fitted, days or fitted.model.horizon_days).iloc[-1]
    return {"value": row["equity"], "lower": row["equity_lower"], "upper": row["equity_upper"]}


def systematic_spread(fitted: FittedContracts, features: pd.DataFrame, days: int) -> float:
    """Measure the standard deviation of the logarithm of the total value over the posterior."""
    generator = np.random.default_rng(0)
    some = features.sample(min(_SAMPLE, len(features)), random_state=0)
    model, scorer = fitted.model, fitted.scorer
    opportunities = math.ceil(days / model.period_days) + 1
    times = OpportunityTimes(scorer.next_opportunity(some), opportunities)
    fixed = scorer.hazard.steps(some, opportunities)
    shifts = _level_draws(fitted, times.times * model.period_days, generator)
    amount = some[AMOUNT].to_numpy(dtype=np.float64)
    growth = (
        model.amounts.growth_error * generator.standard_normal(_DRAWS) if model.amounts else np.zeros(_DRAWS)
    )
    totals = []
    for retention, shift, more in zip(
        _retention_draws(model.retention, generator), shifts, growth, strict=True
    ):
        assert model.amounts is not None
        log_odds = RetentionHazard(retention).future(some, opportunities) + fixed + shift
        curves = SurvivalCurves(log_survival(log_odds), times)
        amounts = _with_growth(model.amounts, float(more))
        rate = model.lifetime_value.annual_discount_rate
        totals.append(float(amount @ value_per_unit(curves, amounts, model.period_days, days, rate)))
    found = np.array(totals)
    return float(np.log(found[found > 0]).std()) if (found > 0).any() else 0.0


def _retention_draws(model: RetentionModel, generator: np.random.Generator) -> list[RetentionModel]:
    """Draw parameters from the normal approximation of their logarithms, and of the coefficients."""
    if model.log_covariance is None:
        return [model] * _DRAWS
    covariance = np.asarray(model.log_covariance)
    variances, axes = np.linalg.eigh(covariance)
    deviations = np.clip(np.sqrt(np.maximum(variances, 0.0)), 0.0, _LARGEST_DEVIATION)
    steps = generator.standard_normal((_DRAWS, len(covariance))) @ (axes * deviations).T
    own = set(RETENTION_PROCESSES[model.model].parameters)
    return [
        replace(
            model,
            params={
                name: value * float(np.exp(step)) if name in own else value + float(step)
                for (name, value), step in zip(model.params.items(), row, strict=True)
            },
        )
        for row in steps
    ]


def _level_draws(fitted: FittedContracts, days: Floats, generator: np.random.Generator) -> list[Floats]:
    """Draw season and level of the coming months."""
    model, level = fitted.model, fitted.level
    if model.level is None:
        return [np.zeros(1)] * _DRAWS
    variances, axes = np.linalg.eigh(level.covariance)
    noise = generator.standard_normal((_DRAWS, len(axes))) @ (axes * np.sqrt(np.maximum(variances, 0.0))).T
    day = pd.Timestamp(model.as_of).date()
    return [
        level_shifts(replace(model.level, log_odds=tuple(np.asarray(model.level.log_odds) + each)), day, days)
        for each in noise
    ]


def _with_growth(process: AmountProcess, more: float) -> AmountProcess:
    """Process whose mean amount grows more at each renewal."""
    wanted = mean_growth(process) * math.exp(more)
    return AmountProcess(1.0, (math.log(wanted),))


def _outcome_variance(fitted: FittedContracts, features: pd.DataFrame, days: int) -> Floats:
    """Variance of what each customer pays, discounted, given the survival curve; shape (n,)."""
    model, scorer = fitted.model, fitted.scorer
    assert model.amounts is not None
    value = model.lifetime_value
    opportunities = math.ceil(days / model.period_days) + 1
    discounts = discount_factors(
        np.arange(opportunities, dtype=np.float64) + 0.5, model.period_days, value.annual_discount_rate
    )
    means = PaymentDistribution.simulate(model.amounts, discounts).means
    found = []
    for start in range(0, len(features), _CHUNK):
        rows = features.iloc[start : start + _CHUNK]
        number = scorer.renewals_within(scorer.curves(rows, days=days), days)[:, : len(means)]
        per_unit = number @ means**2 - (number @ means) ** 2
        found.append(per_unit * (value.margin * rows[AMOUNT].to_numpy(dtype=np.float64)) ** 2)
    return np.concatenate(found)


def _equity(name: str, rows: pd.DataFrame, spread: float, fitted: FittedContracts) -> dict[str, object]:
    total = float(rows["value"].sum())
    outcome = math.sqrt(float(rows["variance"].sum())) / total if total > 0 else 0.0
    low, high = (
        math.exp(end * math.hypot(spread, outcome)) for end in _ends(fitted.model.lifetime_value.interval)
    )
    return {
        "cohort": name,
        "customers": len(rows),
        "equity": total,
        "equity_lower": total * low,
        "equity_upper": total * high,
        "value_per_customer": total / len(rows),
        "expected_remaining_months": float(rows["months"].mean()),
    }


def _ends(level: float) -> tuple[float, float]:
    return float(ndtri((1.0 - level) / 2.0)), float(ndtri((1.0 + level) / 2.0))


def _with_amounts(fitted: FittedContracts) -> pd.DataFrame:
    features = fitted.features
    if fitted.model.amounts is None or features.empty:
        raise DataError("the value of the base needs amounts and customers under contract: map amount")
    return features[features[AMOUNT].notna()]


def _cohorts(features: pd.DataFrame) -> pd.Series:
    """Year of each customer's start, or quarter where there are few years."""
    start = pd.to_datetime(features["start"])
    unit = "Y" if start.dt.year.nunique() >= _FEW_YEARS else "Q"
    return start.dt.to_period(unit).astype(str)
