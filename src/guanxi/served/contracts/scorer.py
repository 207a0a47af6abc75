"""Predictions about customers under contract, all from one survival curve each.

The log odds of churning at each future opportunity are those of the retention model, plus the step of the
trees, plus season and level of the month. Churn within the horizon, the probability to renew, the expected
lifetime and the value all follow from the curve that they give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..attribute_drivers import describe_values, driver_columns
from ..document_parts import Attribute, LifetimeValue
from ..input_checks import (
    InputError,
    _check_finite,
    _check_table,
    _checked_annual_discount_rate,
    _checked_day,
    _checked_drivers,
    _checked_horizon_days,
    _checked_interval,
    _checked_language,
    describe_rows,
)
from ..texts import texts
from .amount_paths import PaymentDistribution, expected_amounts
from .cancellation_level import level_shifts
from .contract_value import discount_factors, value_per_unit
from .document import ServedContracts
from .hazard import BlendedHazard
from .hazard_trees import RENEWALS
from .survival import OpportunityTimes, SurvivalCurves, log_survival

Floats = NDArray[np.float64]

AMOUNT, NEXT = "amount", "periods_to_renewal"
#: Remaining lifetimes are counted up to ten years ahead: without a limit that of a beta-geometric may be
#: infinite, and no data say what happens later.
LIFETIME_DAYS = 3650
_DAYS_PER_MONTH = 365.0 / 12.0
_CELLS = 2_000_000  # customers x opportunities computed at once


class ContractScorer:
    """Scores tables of customers under contract with one fitted model.

    Parameters
    ----------
    model : ServedContracts
    trees : mapping of str to sequence of str
        ``churn``: the boosters in LightGBM's text format; no entry: no trees.
    """

    def __init__(self, model: ServedContracts, trees: Mapping[str, Sequence[str]]) -> None:
        self.model = model
        self.hazard = BlendedHazard(
            model.retention, model.regression, model.trees, trees.get("churn", ()), model.attributes
        )
        self._paid = lru_cache(maxsize=8)(self._payment_distribution)

    @property
    def features(self) -> list[str]:
        """Columns that a table must have."""
        own = [RENEWALS, *([AMOUNT] if self.model.amounts else []), *([NEXT] if self.model.timed else [])]
        return list(dict.fromkeys([*own, *(each.name for each in self.model.attributes)]))

    def score(
        self,
        features: pd.DataFrame,
        *,
        as_of: str | None = None,
        horizon_days: int | None = None,
        drivers: int | None = None,
        annual_discount_rate: float | None = None,
        interval: float | None = None,
        language: str | None = None,
    ) -> pd.DataFrame:
        """Predict every row.

        Parameters
        ----------
        features : pandas.DataFrame
            One row per customer under contract with the columns of :attr:`features`, as of ``as_of``.
        as_of : str, optional
            ISO date of the features; default: the training day.
        horizon_days, drivers, annual_discount_rate, interval, language : optional
            Default: as trained. Drivers are told in the language.

        Returns
        -------
        pandas.DataFrame
            The prediction table without ``customer_id`` and ``model_version``, in the order of the rows:
            ``as_of, horizon_days, renewals, monetary_value`` (amount per period), ``churn_probability``
            (within the horizon), ``renewal_probability`` (at the next opportunity),
            ``expected_remaining_months`` (within ten years), ``mrr_expected`` (expected amount per month at
            the end of the horizon), ``clv, clv_lower, clv_upper`` (discounted margin of the payments within
            the horizon), ``value_at_risk`` (what ``clv`` would be if the customer certainly stayed, less
            ``clv``) and the drivers.

        Raises
        ------
        InputError
            If a column is missing, a value is impossible, or an argument is out of range.
        """
        value = self._value(annual_discount_rate, interval)
        horizon = _checked_horizon_days(self.model.horizon_days if horizon_days is None else horizon_days)
        top = _checked_drivers(self.model.drivers.top if drivers is None else drivers)
        day = _checked_day(self.model.as_of if as_of is None else as_of)
        self._check(features)
        parts = [self._columns(each, day, horizon, value) for each in self._chunks(features)]
        columns = {
            "as_of": np.full(len(features), day, dtype=object),
            "horizon_days": np.full(len(features), horizon),
            **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        }
        if top:
            spoken = _checked_language(self.model.language if language is None else language)
            columns |= self._driver_columns(features, top, spoken)
        return pd.DataFrame(columns, index=features.index)

    def curves(
        self, features: pd.DataFrame, as_of: str | None = None, days: float = LIFETIME_DAYS
    ) -> SurvivalCurves:
        """Survival curves of customers, for a number of days ahead."""
        opportunities = math.ceil(days / self.model.period_days) + 1
        day = _checked_day(self.model.as_of if as_of is None else as_of)
        times = OpportunityTimes(self.next_opportunity(features), opportunities)
        log_odds = self.hazard.future(features, opportunities)
        log_odds = log_odds + level_shifts(self.model.level, day, times.times * self.model.period_days)
        return SurvivalCurves(log_survival(log_odds), times)

    def periods(self, days: float) -> float:
        """Length of a number of days in contract periods."""
        return days / self.model.period_days

    def survival(self, features: pd.DataFrame, days: Sequence[float], as_of: str | None = None) -> Floats:
        """S(t): probability of being under contract after each number of days, shape (n, len(days))."""
        found = [
            np.column_stack([curves.at(self.periods(each)) for each in days])
            for curves in (self.curves(chunk, as_of, max(days)) for chunk in self._chunks(features))
        ]
        return np.concatenate(found)

    def value(
        self, features: pd.DataFrame, as_of: str | None, horizon_days: float, annual_discount_rate: float
    ) -> Floats:
        """Mean discounted margin of the payments within a number of days, shape (n,)."""
        value = replace(self.model.lifetime_value, annual_discount_rate=annual_discount_rate)
        return np.concatenate(
            [
                self._clv(chunk, self.curves(chunk, as_of, horizon_days), horizon_days, value)
                for chunk in self._chunks(features)
            ]
        )

    def driver_effects(
        self, features: pd.DataFrame, horizon_days: float | None = None, as_of: str | None = None
    ) -> pd.DataFrame:
        """Effects on the log odds of churning at the next opportunity, which they and ``base`` add up to.

        Season and level of the month are the same for all, and left out. ``renewals`` has the duration
        dependence of the retention model.
        """
        found, constant = self.hazard.contributions(features)
        found[RENEWALS] = found[RENEWALS] - self.model.usual_log_odds
        names = [RENEWALS, *(each.name for each in self.model.attributes)]
        none = np.zeros(len(features))
        table = pd.DataFrame({name: found.get(name, none) for name in names}, index=features.index)
        table.insert(0, "base", constant + self.model.usual_log_odds, allow_duplicates=True)
        return table

    def _value(self, annual_discount_rate: float | None, interval: float | None) -> LifetimeValue:
        value = self.model.lifetime_value
        if annual_discount_rate is not None:
            rate = _checked_annual_discount_rate(annual_discount_rate)
            value = replace(value, annual_discount_rate=rate)
        return value if interval is None else replace(value, interval=_checked_interval(interval))

    def _check(self, features: pd.DataFrame) -> None:
        """Refuse impossible rows."""
        _check_table(features, self.features)
        text = self.model.text_features
        numbers = [name for name in self.features if name not in text]
        values = features[numbers].to_numpy(dtype=np.float64, na_value=np.nan)
        _check_finite(features.index, numbers, values)
        known = dict(zip(numbers, values.T, strict=True))
        renewals = known[RENEWALS]
        rules = [
            (RENEWALS, np.isnan(renewals), "is missing"),
            (RENEWALS, renewals < 0, "is negative"),
            (RENEWALS, renewals != np.floor(renewals), "is not a whole number"),
            (RENEWALS, renewals > _MOST_RENEWALS, f"is above {_MOST_RENEWALS:,}"),
        ]
        if self.model.amounts:
            rules += [(AMOUNT, known[AMOUNT] < 0, "is negative")]
        if self.model.timed:
            rules += [(NEXT, (known[NEXT] < 0) | (known[NEXT] > 1), "is not between 0 and 1")]
        for name, wrong, what in rules:
            if wrong.any():
                raise InputError(describe_rows(features.index, name, wrong, what))

    def _chunks(self, features: pd.DataFrame) -> Iterator[pd.DataFrame]:
        rows = max(1, int(_CELLS / (LIFETIME_DAYS / self.model.period_days + 2.0)))
        for start in range(0, len(features), rows):
            yield features.iloc[start : start + rows]

    def next_opportunity(self, features: pd.DataFrame) -> Floats:
        """Periods to the next opportunity of each customer, shape (n,); NaN: unknown."""
        if not self.model.timed:
            return np.full(len(features), np.nan)
        return features[NEXT].to_numpy(dtype=np.float64, na_value=np.nan)

    def _columns(
        self, features: pd.DataFrame, day: date, horizon: int, value: LifetimeValue
    ) -> dict[str, Floats]:
        curves = self.curves(features, day.isoformat(), max(LIFETIME_DAYS, horizon))
        periods = self.periods(horizon)
        staying = curves.at(periods)
        columns = {
            "renewals": features[RENEWALS].to_numpy(dtype=np.float64),
            "churn_probability": 1.0 - staying,
            "renewal_probability": curves.renewed[:, 0],
            "expected_remaining_months": curves.lifetime(self.periods(LIFETIME_DAYS))
            * (self.model.period_days / _DAYS_PER_MONTH),
        }
        if self.model.amounts is None:
            return columns | dict.fromkeys(self.model.left_empty, np.full(len(features), np.nan))
        amount = features[AMOUNT].to_numpy(dtype=np.float64, na_value=np.nan)
        clv = self._clv(features, curves, horizon, value)
        lower, upper = self._interval(curves, clv, horizon, value)
        return columns | {
            "monetary_value": amount,
            "mrr_expected": self._expected_mrr(curves, amount, periods),
            "clv": clv,
            "clv_lower": np.minimum(lower, clv),
            "clv_upper": np.maximum(upper, clv),
            "value_at_risk": np.maximum(self._clv(features, curves.certain(), horizon, value) - clv, 0.0),
        }

    def _expected_mrr(self, curves: SurvivalCurves, amount: Floats, periods: float) -> Floats:
        """Mean amount per month at the end of the horizon."""
        assert self.model.amounts is not None
        growth = expected_amounts(self.model.amounts, 1)[0] ** curves.times.passed(periods)
        return np.asarray(amount * growth * curves.at(periods) * (_DAYS_PER_MONTH / self.model.period_days))

    def _clv(
        self, features: pd.DataFrame, curves: SurvivalCurves, horizon: float, value: LifetimeValue
    ) -> Floats:
        """Margin per period x amount x survival, discounted, over the opportunities within the horizon."""
        model, rate = self.model, value.annual_discount_rate
        if model.amounts is None:
            return np.full(len(features), np.nan)
        per_unit = value_per_unit(curves, model.amounts, model.period_days, horizon, rate)
        return features[AMOUNT].to_numpy(dtype=np.float64, na_value=np.nan) * value.margin * per_unit

    def _interval(
        self, curves: SurvivalCurves, clv: Floats, horizon: float, value: LifetimeValue
    ) -> tuple[Floats, Floats]:
        """Compute the ends of the interval of each customer's discounted margin, scaled to the mean."""
        paid = self._paid(horizon, value.annual_discount_rate)
        number = self.renewals_within(curves, horizon)[:, : len(paid.means)]
        mean = number @ paid.means
        scale = np.divide(clv, mean, out=np.zeros_like(clv), where=mean > 0)
        lower, upper = paid.interval(number, value.interval)
        return lower * scale, upper * scale

    def renewals_within(self, curves: SurvivalCurves, days: float) -> Floats:
        """Probability of 0, 1, 2, ... renewals within a number of days, shape (n, opportunities + 1)."""
        renewed = curves.renewed * curves.times.shares(self.periods(days))
        return np.asarray(-np.diff(renewed, axis=1, prepend=1.0, append=0.0))

    def _payment_distribution(self, horizon: float, rate: float) -> PaymentDistribution:
        assert self.model.amounts is not None
        opportunities = math.ceil(self.periods(horizon)) + 1
        discounts = discount_factors(
            np.arange(opportunities, dtype=np.float64) + 0.5, self.model.period_days, rate
        )
        return PaymentDistribution.simulate(self.model.amounts, discounts)

    def _driver_columns(self, features: pd.DataFrame, top: int, language: str) -> dict[str, Any]:
        effects = self.driver_effects(features).drop(columns="base")
        attributes = {each.name: each for each in self.model.attributes}
        attributes.setdefault(RENEWALS, Attribute(RENEWALS, None, self.model.typical_renewals))
        names = list(effects.columns)
        told = texts(_TEXTS, language)["contracts"]

        def describe(place: int, rows: Any) -> NDArray[Any]:
            name = names[place]
            attribute, values = attributes[name], _codes(features[name].iloc[rows], attributes[name])
            if name in IN_PER_CENT:
                values = np.round(100.0 * values, 1)
                attribute = replace(attribute, typical=round(100.0 * attribute.typical, 1))
            return describe_values(told.get(name, name), attribute, values, language)

        return driver_columns(effects.to_numpy(), names, top, describe)


#: Features that are shares, told in per cent.
IN_PER_CENT = ("last_change",)

_MOST_RENEWALS = 1_000_000
_TEXTS = __package__.rpartition(".")[0]


def _codes(values: pd.Series, attribute: Attribute) -> Floats:
    from ..attribute_scorer import matrix

    return matrix(values.to_frame(attribute.name), [attribute])[:, 0]
