"""The levers: their levels today, their ranges, and the setting that new levels make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.scenarios._curve import Survival
from guanxi.decisions.scenarios._customer_base import CustomerBase
from guanxi.decisions.scenarios._equity import NewCustomers, Setting
from guanxi.errors import ParamsError
from guanxi.periods import DAYS_PER_YEAR
from guanxi.segments.membership import segment_name

Floats = NDArray[np.float64]

EVERYONE = segment_name({})
Key = tuple[str, str]  # lever and segment


class Levers:
    """Levels of the levers today, by segment.

    - ``margin``: margin per unit of sales, over the purchases expected within the horizon.
    - ``order_value``: sales per purchase; ``purchase_rate``: purchases per customer and year, likewise.
    - ``retention``: share of today's flow of margin left after a year because customers leave.
    - ``discount_rate``: annual; ``acquisition_cost``: per new customer.

    Parameters
    ----------
    base : CustomerBase
    new : NewCustomers, optional
    """

    def __init__(self, base: CustomerBase, new: NewCustomers | None = None) -> None:
        self.base, self.new = base, new
        self._survival = cache(self._survival_of)

    @property
    def changeable(self) -> list[str]:
        """Levers that can be changed for everyone."""
        names = ["margin", "order_value", "purchase_rate", "discount_rate"]
        fixed = self.base.whole_periods or self._survival(EVERYONE).nobody_leaves
        names += [] if fixed else ["retention"]
        names += ["acquisition_cost"] if self.new else []
        return [name for name in names if self.today((name, EVERYONE)) > 0.0]

    def today(self, key: Key) -> float:
        """Level of a lever in a segment."""
        lever, segment = key
        if lever == "discount_rate":
            return self.base.discount_rate
        if lever == "acquisition_cost":
            return self.new.cost if self.new else float("nan")
        if lever == "retention":
            return self._survival(segment).retention
        totals = [self.base.totals[group] for group in self.base.segments[segment]]
        customers, purchases, sales, margin = (
            float(sum(getattr(each, name) for each in totals))
            for name in ("customers", "purchases", "sales", "margin")
        )
        if lever == "margin":
            return margin / sales if sales else 0.0
        if lever == "order_value":
            return sales / purchases if purchases else 0.0
        return purchases / customers * DAYS_PER_YEAR / self.base.horizon

    def limits(self, key: Key) -> tuple[float, float]:
        """Lowest and highest possible level."""
        lever, segment = key
        return (self._survival(segment).least, 1.0) if lever == "retention" else (0.0, np.inf)

    def check(self, key: Key, where: str) -> None:
        """Refuse a lever that cannot be changed (ParamsError); ``where`` names the scenario."""
        lever, segment = key
        if lever == "retention" and self.base.whole_periods:
            raise ParamsError(
                f"{where}: retention cannot change in a model of whole periods such as bg_bb: leave it out, "
                "or train another clv.model"
            )
        if lever == "retention" and self._survival(segment).nobody_leaves:
            raise ParamsError(
                f"{where}: retention of {segment} is 1 already, since the model knows no leaving: "
                "leave retention out"
            )
        if not self.today(key) > 0.0 and lever != "discount_rate":
            raise ParamsError(
                f"{where}: {lever} of {segment} is {self.today(key):.4g} today, "
                "and only a level above 0 can change: leave it out"
            )

    def setting(self, levels: Mapping[Key, Floats]) -> Setting:
        """Make the setting of new levels, each of shape (d,) or (1,); other levers stay as today."""
        now, rows = Setting.today(self.base, self.new), len(self.base.curves) + 1
        count = max([1, *map(len, levels.values())])
        changed = {name: np.ones((rows, count)) for name in ("worth", "rate", "pace")}
        other = {"discount_rate": now.discount_rate, "acquisition_cost": now.cost}
        for (lever, segment), level in levels.items():
            if lever in other:
                other[lever] = level
                continue
            where = self._rows(segment)
            if lever == "retention":
                changed["pace"][where] *= self._survival(segment).pace(level)
            else:
                name = "rate" if lever == "purchase_rate" else "worth"
                changed[name][where] *= level / self.today((lever, segment))
        return Setting(**changed, discount_rate=other["discount_rate"], cost=other["acquisition_cost"])

    def _rows(self, segment: str) -> Sequence[int]:
        """Rows of a segment in a setting; new customers belong to everyone only."""
        rows = [int(group) for group in self.base.segments[segment]]
        return [*rows, len(self.base.curves)] if segment == EVERYONE else rows

    def _survival_of(self, segment: str) -> Survival:
        curves = [self.base.curves[group] for group in self.base.segments[segment]]
        return Survival(curves, self.base.model_year)
