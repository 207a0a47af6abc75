"""Value of a customer who buys for the first time tomorrow, by month of acquisition, channel and attributes.

What the purchase model expects of a new customer is multiplied by the ratio of actual to expected repeat
purchases of the customers acquired so far; likewise the amounts of the first order and of a repeat purchase.
The ratios of months follow a level that moves, since the first months of a log are full of old customers;
those of channels and attributes, relative to their months, are pooled: see :mod:`.pooling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from guanxi.features.acquisition import MONTH, OVERALL
from guanxi.periods import DAYS_PER_YEAR, DISCOUNT_PERIOD_DAYS, add_days
from guanxi.pipeline._pooling import Estimate, follow_ratios, pool_ratios
from guanxi.served.model import ServedModel
from guanxi.served.numerics import parameter_points
from guanxi.served.purchases.process import discounted
from guanxi.served.purchases.registry import PurchaseMixture
from guanxi.served.scorer import Scorer
from guanxi.served.spend import SPEND_PROCESSES

Floats = NDArray[np.float64]

_OF_CUSTOMERS = ("customer_id", "frequency", "T", "first_day", "first_amount", "repeat_amount")
_OF_AMOUNTS = ["first_order", "expected_spend", "clv", "repeat_clv", "clv_lower", "clv_upper"]
_TINY = 1e-300


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
    months = _Months(customers["first_day"], add_days(as_of, 1))
    own, following = zip(*(months.ratios(measure) for measure in measures), strict=True)
    tables = [
        new.table(OVERALL, [OVERALL], [len(customers)], following),
        new.table(MONTH, months.labels, months.customers, own),
    ]
    relative = [measure.given(month.mean[months.group]) for measure, month in zip(measures, own, strict=True)]
    for name in customers.columns.drop(list(_OF_CUSTOMERS)):
        if customers[name].notna().any():
            group, levels = pd.factorize(customers[name], sort=True)
            count = np.bincount(group[group >= 0], minlength=len(levels))
            pooled = [pool_ratios(*measure.totals(group, len(levels))) for measure in relative]
            ratios = [each.times(month) for each, month in zip(pooled, following, strict=True)]
            tables.append(new.table(str(name), levels, count, ratios))
    return pd.concat(tables, ignore_index=True)


@dataclass(frozen=True)
class _Measure:
    """What customers did and what was expected of them, arrays of shape (n,).

    A customer's variance is ``least x mean + c x mean^2``, with least 1 for a number of purchases (negative
    binomial) and 0 for an amount, and c estimated by moments.
    """

    actual: Floats
    expected: Floats
    least: float

    def given(self, ratio: Floats) -> _Measure:
        """Multiply what was expected of each customer."""
        return replace(self, expected=self.expected * ratio)

    def totals(self, group: NDArray[np.int64], groups: int) -> tuple[Floats, Floats, Floats]:
        """Actual, expected and dispersion of the groups; customers of group -1 are left out."""
        known = group >= 0
        group, actual, expected = group[known], self.actual[known], self.expected[known]
        done, due, squares = (
            np.bincount(group, column, groups).astype(np.float64)
            for column in (actual, expected, expected**2)
        )
        mean = _ratio(done, due)[group] * expected
        excess = ((actual - mean) ** 2 - self.least * mean).sum() / max((mean**2).sum(), _TINY)
        overall = float(done.sum()) / max(float(due.sum()), _TINY)
        return done, due, self.least + max(0.0, float(excess)) * overall * _ratio(squares, due)


class _Months:
    """The months in which customers were acquired, up to that of the next customer."""

    def __init__(self, first_day: pd.Series[Any], next_day: date) -> None:
        self.group, self.labels = pd.factorize(first_day.dt.strftime("%Y-%m"), sort=True)
        self.customers = np.bincount(self.group)
        ends = pd.PeriodIndex([*self.labels, f"{next_day:%Y-%m}"], freq="M")
        self._time = ends.year.to_numpy() * 12.0 + ends.month.to_numpy()

    def ratios(self, measure: _Measure) -> tuple[Estimate, Estimate]:
        """Estimate the ratio of each month, and of the next one."""
        return follow_ratios(*measure.totals(self.group, len(self.labels)), self._time)


class _NewCustomer:
    """What the models expect of a new customer, and the table of its products with the ratios."""

    def __init__(self, model: ServedModel, customers: pd.DataFrame, day: date, horizon_days: int) -> None:
        # Corrections are learnt from customers with a history.
        self._model = replace(model, corrections={})
        self._scorer = Scorer(self._model, {})
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

    def table(self, group_by: str, groups: Any, customers: Any, ratios: Sequence[Estimate]) -> pd.DataFrame:
        """Rows of one grouping, from its ratios in the order of the measures."""
        terms, margins = self._model.lifetime_value, self._model.margin
        margin = margins.mean if margins else terms.margin
        purchases, worth = self._repeat_purchases(self._scorer.purchases)
        first, repeats, spend = ratios
        uncertain = repeats.times(Estimate(np.ones(1), np.array([self._parameter_variance])))
        repeat_value = uncertain.times(spend).scaled(worth * self._spend * margin)
        first_value = first.scaled(self._first * margin)
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
            period=DISCOUNT_PERIOD_DAYS,
            year=DAYS_PER_YEAR,
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


def _ratio(actual: Floats, expected: Floats) -> Floats:
    """Ratio, 0 where nothing is expected."""
    return np.divide(actual, expected, out=np.zeros(len(actual)), where=expected > 0)


def _ends(mean: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Central interval of a log-normal distribution with the mean and variance, by its ends."""
    log_variance = np.log1p(np.divide(variance, mean**2, out=np.zeros(len(mean)), where=mean > 0))
    reach = ndtri((1.0 + level) / 2.0) * np.sqrt(log_variance)
    middle = mean * np.exp(-log_variance / 2.0)
    return middle * np.exp(-reach), middle * np.exp(reach)
