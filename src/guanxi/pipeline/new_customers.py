"""Value of a customer who buys for the first time tomorrow, by month of acquisition, channel and attributes.

What the purchase model expects of a new customer is multiplied by the ratio of actual to expected repeat
purchases of the customers acquired so far; likewise the amounts of the first order and of a repeat purchase.
The ratios of groups are partially pooled: :func:`.pooling.pool_ratios`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.features.acquisition import MONTH, OVERALL
from guanxi.periods import add_days
from guanxi.pipeline.pooling import PooledRatios, pool_ratios
from guanxi.served.model import ServedModel
from guanxi.served.numerics import parameter_points
from guanxi.served.purchases.process import discounted
from guanxi.served.purchases.registry import PurchaseMixture
from guanxi.served.scorer import Scorer
from guanxi.served.spend import SPEND_PROCESSES

Floats = NDArray[np.float64]

_OF_CUSTOMERS = ("customer_id", "frequency", "T", "first_day", "first_amount", "repeat_amount")
_OF_AMOUNTS = ["first_order", "expected_spend", "clv", "repeat_clv", "clv_lower", "clv_upper"]
_DISCOUNT_PERIOD_DAYS, _DAYS_PER_YEAR = 30.0, 365.0


def new_customer_values(
    model: ServedModel, customers: pd.DataFrame, as_of: date, horizon_days: int
) -> pd.DataFrame:
    """Estimate the value of a customer whose first purchase is on the day after ``as_of``.

    Parameters
    ----------
    model : ServedModel
    customers : DataFrame, n > 0 rows
        As from :func:`guanxi.features.acquisition.acquisitions`. Further columns are groupings, as is
        ``channel``; customers without a value have no part in their rows.
    as_of : date
        The last day of the data.
    horizon_days : int
        Counted from the first purchase.

    Returns
    -------
    DataFrame
        ``group_by`` (``all``, ``month`` of acquisition, ``channel`` of the first order, or a further column),
        ``group``, ``customers`` (acquired so far), ``horizon_days``; ``first_order`` (expected amount);
        ``expected_purchases`` (repeat purchases within the horizon), ``expected_spend`` (of one of them);
        ``clv`` (margin of the first order and of the discounted repeat purchases), ``repeat_clv`` (the latter
        alone); ``clv_lower, clv_upper``: central interval of the mean value of the customers acquired in the
        next month, with the uncertainty of parameters and ratios and the variation between months; for a
        past month that of its own customers, without that variation. The chance of single customers is not
        part of it. Whatever depends on amounts is NaN without them.
    """
    new = _NewCustomer(model, customers, add_days(as_of, 1), horizon_days)
    measures = new.measures(customers)
    months = _Grouping(measures, customers["first_day"].dt.strftime("%Y-%m"))
    overall = [_Estimate(np.array([each.new_mean]), np.array([each.new_variance])) for each in months.ratios]
    by_month = [_Estimate(each.mean, each.variance) for each in months.ratios]
    tables = [
        new.table(OVERALL, [OVERALL], [len(customers)], overall),
        new.table(MONTH, months.levels, months.customers, by_month),
    ]
    for name in customers.columns.drop(list(_OF_CUSTOMERS)):
        if customers[name].notna().any():
            further = _Grouping(measures, customers[name])
            tables.append(
                new.table(str(name), further.levels, further.customers, further.in_months_like(months))
            )
    return pd.concat(tables, ignore_index=True)


class _Estimate(NamedTuple):
    """Mean and variance of a quantity of each group, shape (groups,)."""

    mean: Floats
    variance: Floats

    def times(self, other: _Estimate) -> _Estimate:
        """Product with an independent quantity."""
        mean = self.mean * other.mean
        squares = (self.mean**2 + self.variance) * (other.mean**2 + other.variance)
        return _Estimate(mean, squares - mean**2)

    def scaled(self, factor: float) -> _Estimate:
        return _Estimate(self.mean * factor, self.variance * factor**2)

    def varied(self, relative_variance: float) -> _Estimate:
        """Product with an independent factor around 1."""
        return self.times(_Estimate(np.ones(1), np.array([relative_variance])))


@dataclass(frozen=True)
class _Measure:
    """What customers did and what was expected of them, arrays of shape (n,).

    A customer's variance is ``least x expected + c x expected^2``, with least 1 for a number of purchases
    (negative binomial) and 0 for an amount, and c estimated by moments.
    """

    actual: Floats
    expected: Floats
    least: float

    def pooled(self, group: NDArray[np.int64], groups: int) -> PooledRatios:
        """Ratios of the groups; customers of group -1 are left out."""
        known = group >= 0

        def total(column: Floats) -> Floats:
            return np.asarray(np.bincount(group[known], column[known], groups), dtype=np.float64)

        expected, squares = total(self.expected), total(self.expected**2)
        mean_square = np.divide(squares, expected, out=np.zeros(groups), where=expected > 0)
        return pool_ratios(total(self.actual), expected, self.least + self._excess * mean_square)

    @property
    def _excess(self) -> float:
        """The factor c, for a ratio of 1."""
        actual, expected = self.actual.sum(), self.expected.sum()
        if actual <= 0 or expected <= 0:
            return 0.0
        ratio = actual / expected
        residual = (self.actual - ratio * self.expected) ** 2 / ratio - self.least * self.expected
        return max(0.0, float(residual.sum() / (self.expected**2).sum()))


class _Grouping:
    """The pooled ratios of each measure by group."""

    def __init__(self, measures: list[_Measure], labels: pd.Series[Any]) -> None:
        group, self.levels = pd.factorize(labels, sort=True)
        self.customers = np.bincount(group[group >= 0], minlength=len(self.levels))
        self.ratios = [measure.pooled(group, len(self.levels)) for measure in measures]

    def in_months_like(self, months: _Grouping) -> list[_Estimate]:
        """Add the variation between months to the ratios."""
        pairs = zip(self.ratios, months.ratios, strict=True)
        return [_Estimate(own.mean, own.variance).varied(month.between) for own, month in pairs]


class _NewCustomer:
    """What the models expect of a new customer, and the table of its products with the ratios."""

    def __init__(self, model: ServedModel, customers: pd.DataFrame, day: date, horizon_days: int) -> None:
        self._model, self._scorer = model, Scorer(model, {})
        self._day, self._horizon = day.isoformat(), horizon_days
        spend = model.spend
        self._knows_amounts = spend.known and bool(customers["first_amount"].notna().any())
        process = SPEND_PROCESSES[spend.model]
        self._spend = float(process.expected_spend(spend.params, 0, 0)[0]) if self._knows_amounts else 0.0
        self._first = float(customers["first_amount"].mean()) if self._knows_amounts else 0.0
        firsts = customers["first_day"].to_numpy("datetime64[D]")
        days, self._place, self._count = np.unique(firsts, return_inverse=True, return_counts=True)
        ages = customers.groupby(self._place)["T"].first()
        self._ages = np.array(
            [self._scorer.business_days(age, str(first)) for first, age in zip(days, ages, strict=True)]
        )

    def measures(self, customers: pd.DataFrame) -> list[_Measure]:
        """First order, repeat purchases, and their amounts, of every customer."""
        frequency, first, repeats = (
            customers[name].fillna(0.0).to_numpy(np.float64)
            for name in ("frequency", "first_amount", "repeat_amount")
        )
        expected = self._scorer.purchases.expected_purchases_new(self._ages)[self._place]
        return [
            _Measure(first, np.full(len(first), self._first), 0.0),
            _Measure(frequency, expected, 1.0),
            _Measure(repeats, frequency * self._spend, 0.0),
        ]

    def table(self, group_by: str, groups: Any, customers: Any, ratios: list[_Estimate]) -> pd.DataFrame:
        """Rows of one grouping, from its ratios in the order of the measures."""
        terms = self._model.lifetime_value
        purchases, worth = self._repeat_purchases(self._scorer.purchases)
        first, repeats, spend = ratios
        uncertain = repeats.varied(self._parameter_variance)
        repeat_value = uncertain.times(spend).scaled(worth * self._spend * terms.margin)
        first_value = first.scaled(self._first * terms.margin)
        clv = first_value.mean + repeat_value.mean
        lower, upper = _ends(clv, first_value.variance + repeat_value.variance, terms.interval)
        table = pd.DataFrame(
            {
                "group_by": group_by,
                "group": groups,
                "customers": customers,
                "horizon_days": self._horizon,
                "first_order": first.mean * self._first,
                "expected_purchases": repeats.mean * purchases,
                "expected_spend": spend.mean * self._spend,
                "clv": clv,
                "repeat_clv": repeat_value.mean,
                "clv_lower": lower,
                "clv_upper": upper,
            }
        )
        if not self._knows_amounts:
            table[_OF_AMOUNTS] = np.nan
        return table

    def _repeat_purchases(self, purchases: PurchaseMixture) -> tuple[float, float]:
        """Repeat purchases expected within the horizon, and the same discounted."""

        def within(days: float) -> Floats:
            return purchases.expected_purchases_new(self._scorer.business_days(days, self._day))

        worth = discounted(
            within,
            1.0,
            float(self._horizon),
            annual_discount_rate=self._model.lifetime_value.annual_discount_rate,
            margin=1.0,
            period=_DISCOUNT_PERIOD_DAYS,
            year=_DAYS_PER_YEAR,
        )
        return float(within(self._horizon)[0]), float(worth[0])

    @property
    def _parameter_variance(self) -> float:
        """Relative variance of what is expected within the horizon per purchase expected so far.

        The ratios make up for parameters that expect too much at every age, so that only the shape counts.
        """
        fitted, total = self._model.purchases.fitted, 0.0
        for name in dict.fromkeys(self._model.purchases.counts):
            points = parameter_points(fitted[name].params, fitted[name].log_covariance)
            reached = [self._reached({name: point}) for point in points]
            total += float(np.var(reached))
        return total

    def _reached(self, params: dict[str, Any]) -> float:
        """Log of the discounted purchases per purchase expected so far, with other parameters."""
        fitted = dict(self._model.purchases.fitted)
        fitted |= {name: replace(fitted[name], params=point) for name, point in params.items()}
        model = replace(self._model, purchases=replace(self._model.purchases, fitted=fitted))
        purchases = Scorer(model, {}).purchases
        so_far = float(self._count @ purchases.expected_purchases_new(self._ages))
        return float(np.log(self._repeat_purchases(purchases)[1] / so_far)) if so_far > 0 else 0.0


def _ends(mean: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Central interval of a log-normal distribution with the mean and variance, by its ends."""
    log_variance = np.log1p(np.divide(variance, mean**2, out=np.zeros(len(mean)), where=mean > 0))
    reach = ndtri((1.0 + level) / 2.0) * np.sqrt(log_variance)
    middle = mean * np.exp(-log_variance / 2.0)
    return middle * np.exp(-reach), middle * np.exp(reach)
