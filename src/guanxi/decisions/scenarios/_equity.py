"""Customer equity under a setting of the levers, for many settings at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.scenarios._curve import Curve, discount_factors
from guanxi.decisions.scenarios._customer_base import CustomerBase
from guanxi.periods import DAYS_PER_YEAR

Floats = NDArray[np.float64]

_AT_ONCE = 4_096  # settings per pass


@dataclass(frozen=True)
class NewCustomers:
    """Customers to be acquired.

    Attributes
    ----------
    per_year : float
        Their number, acquired evenly.
    cost : float
        Of acquiring one.
    first_order : float
        Margin of the first order.
    curve : Curve
        Undiscounted margin of the repeat purchases of one within a time since the first.
    """

    per_year: float
    cost: float
    first_order: float
    curve: Curve


@dataclass(frozen=True)
class Setting:
    """Levers relative to today, for d settings at once; the last axis of each array has length d or 1.

    Attributes
    ----------
    worth : array, shape (groups + 1, d)
        Margin times order value; the last row is for new customers.
    rate : array, shape (groups + 1, d)
        Purchase rate.
    pace : array, shape (groups + 1, d)
        Pace of leaving.
    discount_rate, cost : array, shape (d,)
        Annual rate, and cost of acquiring a customer; not relative.
    """

    worth: Floats
    rate: Floats
    pace: Floats
    discount_rate: Floats
    cost: Floats

    @classmethod
    def today(cls, base: CustomerBase, new: NewCustomers | None = None) -> Setting:
        """No lever is changed."""
        rows = np.ones((len(base.curves) + 1, 1))
        return cls(rows, rows, rows, np.array([base.discount_rate]), np.array([new.cost if new else 0.0]))

    def parts(self) -> Iterator[Setting]:
        """Yield the settings in passes that fit into memory."""
        arrays = {each.name: getattr(self, each.name) for each in fields(self)}
        count = max(array.shape[-1] for array in arrays.values())
        for start in range(0, count, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            yield Setting(
                **{name: array[..., part] if array.shape[-1] > 1 else array for name, array in arrays.items()}
            )


@dataclass(frozen=True)
class Equity:
    """Customer equity, arrays of shape (d,).

    Attributes
    ----------
    within, beyond : array
        Discounted margin of the present customers within the horizon, and after it.
    new : array
        Discounted margin of the customers to be acquired, less the cost of acquisition.
    """

    within: Floats
    beyond: Floats
    new: Floats

    @property
    def total(self) -> Floats:
        """All three."""
        return self.within + self.beyond + self.new


def customer_equity(base: CustomerBase, setting: Setting, new: NewCustomers | None = None) -> Equity:
    """Value the present customers and those to be acquired, until the last period of the base.

    Margins are discounted from the end of their period. New customers come at the ends of periods.

    Parameters
    ----------
    base : CustomerBase
    setting : Setting
    new : NewCustomers, optional

    Returns
    -------
    Equity
    """
    parts = [_equity(base, part, new) for part in setting.parts()]
    return Equity(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Equity)))


def group_values(base: CustomerBase, setting: Setting) -> Floats:
    """Discounted margin of each group in each period, shape (groups, d, periods)."""
    factors = discount_factors(setting.discount_rate[:, None], base.ends)
    scale = setting.worth * setting.rate
    return np.array(
        [
            scale[row][:, None] * _flows(curve, base.model_ends, setting.pace[row]) * factors
            for row, curve in enumerate(base.curves)
        ]
    )


def _equity(base: CustomerBase, setting: Setting, new: NewCustomers | None) -> Equity:
    factors = discount_factors(setting.discount_rate[:, None], base.ends)
    within, beyond = np.zeros(1), np.zeros(1)
    scale = setting.worth * setting.rate
    for row, curve in enumerate(base.curves):
        flows = _flows(curve, base.model_ends, setting.pace[row]) * factors
        within = within + scale[row] * flows[:, : base.within].sum(axis=1)
        beyond = beyond + scale[row] * flows[:, base.within :].sum(axis=1)
    acquired = _acquired(base, setting, new, factors) if new else np.zeros(1)
    shape = np.broadcast_shapes(within.shape, beyond.shape, acquired.shape)
    return Equity(*(np.broadcast_to(each, shape) for each in (within, beyond, acquired)))


def _acquired(base: CustomerBase, setting: Setting, new: NewCustomers, factors: Floats) -> Floats:
    """Value of the customers to be acquired, each until the last period."""
    flows = _flows(new.curve, base.model_ends, setting.pace[-1]) * factors
    # One acquired at the end of period j has the periods that are left.
    worth = np.cumsum(flows, axis=1)[:, ::-1]
    left = np.concatenate([worth[:, 1:], np.zeros((len(worth), 1))], axis=1)
    count = new.per_year * np.diff(base.ends, prepend=0.0) / DAYS_PER_YEAR
    first = setting.worth[-1] * new.first_order
    each = (first - setting.cost)[:, None] + (setting.worth[-1] * setting.rate[-1])[:, None] * left
    return np.asarray((count * factors * each).sum(axis=1))


def _flows(curve: Curve, ends: Floats, pace: Floats) -> Floats:
    """Margin in each period, one row if the pace is the same in all settings."""
    same = pace[:1] if (pace == pace[0]).all() else pace
    return curve.flows(ends, same)
