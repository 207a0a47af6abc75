"""The value of the present customers as curves over time, one per group of customers.

All levers act on these curves, so that a scenario costs the same for ten customers and for ten million.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.scenarios._curve import LONGEST, Curve, curve_nodes, discount_factors
from guanxi.decisions.scenarios._expected_course import MOST_HISTORIES, Purchases, expected_course
from guanxi.errors import DataError, ParamsError
from guanxi.params.scorecard import Criterion
from guanxi.periods import DAYS_PER_YEAR, DISCOUNT_PERIOD_DAYS
from guanxi.segments.membership import segment_members, segment_name

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_HISTORY = ("frequency", "recency", "T")
_FEWEST_DRAWN, _DRAWN_IN_ALL = 500, 8_000
_MOST_GROUPS = 64


@dataclass(frozen=True)
class Totals:
    """Sums over the customers of a group: their number; over the horizon purchases, sales and margin."""

    customers: float
    purchases: float
    sales: float
    margin: float


@dataclass(frozen=True)
class CustomerBase:
    """What the present customers are expected to earn.

    Attributes
    ----------
    curves : tuple of Curve
        Undiscounted margin expected of each group within any time from now.
    totals : tuple of Totals
        Of each group.
    segments : mapping of str to array of int
        Groups of each segment; ``everyone`` is among them.
    ends : array, shape (K,)
        Ends of the periods in calendar days: periods of 30 days up to the horizon, then from there on.
    model_ends : array, shape (K,)
        The same in the time of the purchase model.
    model_year : float
        A year in that time.
    within : int
        Number of periods within the horizon.
    discount_rate : float
        Annual.
    group : array of int, shape (n,)
        Group of each customer, in the order of the prediction table.
    whole_periods : bool
        Whether customers leave at the beginning of whole periods only, so that there is no pace of leaving.
    """

    curves: tuple[Curve, ...]
    totals: tuple[Totals, ...]
    segments: Mapping[str, Integers]
    ends: Floats
    model_ends: Floats
    model_year: float
    within: int
    discount_rate: float
    group: Integers
    whole_periods: bool = False

    @property
    def horizon(self) -> float:
        """Horizon of the predictions in days."""
        return float(self.ends[self.within - 1])


def customer_base(
    predictions: pd.DataFrame,
    purchases: Purchases,
    business_days: Callable[[float], float],
    *,
    margin: float,
    annual_discount_rate: float,
    years: float,
    segments: Sequence[Mapping[str, Criterion]] = (),
    whole_periods: bool = False,
) -> CustomerBase:
    """Collect the curves of all groups that the segments distinguish.

    Within the horizon today's value is the sum of the column ``clv``. Its course over time is that of the
    purchase model with the correction of the expected purchases kept as a ratio, also beyond the horizon.
    With more than 4,000 distinct histories in a group, 4,000 drawn systematically in proportion to value
    stand for all; with more than two groups, 500 or more of each.

    Parameters
    ----------
    predictions : DataFrame, n rows
        The prediction table; ``margin_rate`` if the model estimates margins.
    purchases : Purchases
        The model's purchase process.
    business_days : callable
        Length of the next days in the model's time.
    margin : float
        Share of the amount, if the table has no ``margin_rate``.
    annual_discount_rate : float
        The one of ``clv``.
    years : float
        End of the value counted, from now.
    segments : sequence of mappings
        Conditions on columns of the table, as in the playbook.
    whole_periods : bool
        Whether customers of the model leave at the beginning of whole periods only.

    Raises
    ------
    DataError
        If the predictions have no amounts.
    ParamsError
        If a segment has an unknown column or no customer, the segments make more than 64 groups, or the years
        end before the horizon.
    """
    _check(predictions, years)
    horizon = float(predictions["horizon_days"].iloc[0])
    ends = _period_ends(horizon, years * DAYS_PER_YEAR)
    table = _amounts(predictions, margin)
    members = _memberships(predictions, segments)
    group = _groups([*members.values(), table["margin"].to_numpy() < 0.0])
    count = int(group.max()) + 1
    if count > _MOST_GROUPS:
        raise ParamsError(
            f"the segments of scenario.cases overlap, in {count:,} groups of customers: use fewer segments, "
            f"for at most {_MOST_GROUPS}"
        )
    drawn = min(MOST_HISTORIES, max(_FEWEST_DRAWN, _DRAWN_IN_ALL // count))
    model_ends = np.array([business_days(float(end)) for end in ends])
    year = business_days(DAYS_PER_YEAR)
    within = int(np.searchsorted(ends, horizon, side="right"))
    # Of a model in whole periods the curves have corners: it is asked at the end of every period.
    nodes = curve_nodes(
        model_ends if whole_periods else model_ends[:within], LONGEST * max(float(model_ends[-1]), year)
    )
    factors = discount_factors(annual_discount_rate, ends[:within])
    curves = []
    for number in range(count):
        rows = group == number
        histories = tuple(predictions[name].to_numpy(np.float64)[rows] for name in _HISTORY)
        weights = np.abs(table["margin"].to_numpy()[rows])
        course = expected_course(purchases, histories, weights, float(model_ends[within - 1]), nodes, drawn)
        today = float(course.flows(model_ends[:within], np.ones(1))[0] @ factors)
        clv = float(predictions["clv"].to_numpy()[rows].sum())
        curves.append(course.scaled(clv / today if today else 0.0))
    return CustomerBase(
        curves=tuple(curves),
        totals=tuple(_totals(table, group, count)),
        segments={name: np.unique(group[rows]) for name, rows in members.items()},
        ends=ends,
        model_ends=model_ends,
        model_year=year,
        within=within,
        discount_rate=annual_discount_rate,
        group=group,
        whole_periods=whole_periods,
    )


def _check(predictions: pd.DataFrame, years: float) -> None:
    if not predictions["clv"].notna().all():
        raise DataError("the predictions have no value, since the log has no amounts: map a column to amount")
    horizon = int(predictions["horizon_days"].iloc[0])
    if years * DAYS_PER_YEAR < horizon:
        raise ParamsError(
            f"scenario.years={years:g} ends before the model's horizon of {horizon} days: give a longer time"
        )


def _period_ends(horizon: float, last: float) -> Floats:
    """Divide the time up to the horizon, and from there to the last day, into periods of 30 days.

    Examples
    --------
    >>> _period_ends(40.0, 80.0)
    array([30., 40., 70., 80.])
    """
    inside = np.arange(DISCOUNT_PERIOD_DAYS, horizon - 1e-6, DISCOUNT_PERIOD_DAYS)
    beyond = np.arange(horizon + DISCOUNT_PERIOD_DAYS, last - 1e-6, DISCOUNT_PERIOD_DAYS)
    end = [last] if last > horizon else []
    return np.concatenate([inside, [horizon], beyond, end])


def _amounts(predictions: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Purchases, sales and undiscounted margin of each customer within the horizon."""
    rate = predictions.get("margin_rate", margin)
    sales = predictions["expected_purchases"] * predictions["expected_spend"]
    return pd.DataFrame(
        {"purchases": predictions["expected_purchases"], "sales": sales, "margin": sales * rate}
    )


def _memberships(
    predictions: pd.DataFrame, segments: Sequence[Mapping[str, Criterion]]
) -> dict[str, NDArray[np.bool_]]:
    """Whether each customer is in each segment, by its name; everyone is one of them."""
    given = [segment for segment in segments if segment]
    everyone = {segment_name({}): np.ones(len(predictions), dtype=bool)}
    return everyone | {
        segment_name(segment): segment_members(predictions, segment, "scenario.cases") for segment in given
    }


def _groups(columns: Sequence[NDArray[np.bool_]]) -> Integers:
    """Give each distinct combination of the columns a number from 0, shape (n,)."""
    group = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, group = np.unique(2 * group + column, return_inverse=True)
    return group


def _totals(table: pd.DataFrame, group: Integers, count: int) -> list[Totals]:
    columns = [np.ones(len(group)), *(table[name].to_numpy() for name in ("purchases", "sales", "margin"))]
    sums = [np.bincount(group, column, count) for column in columns]
    return [Totals(*map(float, each)) for each in zip(*sums, strict=True)]
