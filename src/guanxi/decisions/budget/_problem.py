"""The limits of a plan as rows of ``A n <= b`` in the numbers of customers per action."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, combinations

import numpy as np
from numpy.typing import NDArray

from guanxi.errors import ParamsError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# Sums of money are equal if they differ by rounding only.
ROUNDING = 1e-9
LARGEST = 1e14  # of an amount: HiGHS takes 1e15 for endless


@dataclass(frozen=True)
class ChannelLimit:
    """Most money and most customers of a channel; None: no limit."""

    budget: float | None = None
    customers: int | None = None


@dataclass(frozen=True)
class PlanLimits:
    """What a plan may spend, and how often each action may and must be taken.

    Parameters
    ----------
    costs : sequence of float, one per action
        Cost of the action per customer.
    budget : float or None
        Most money in all; None: no limit.
    channels : sequence of str or None, one per action
    channel_limits : mapping
        Channel -> :class:`ChannelLimit`.
    minimum : sequence of int, one per action
        Fewest customers; default: 0.
    maximum : sequence of int or None, one per action
        Most customers; None: no limit.
    names : sequence of str
        Names of the actions in errors; default: action 1, action 2 and so on.

    Examples
    --------
    >>> PlanLimits(costs=[5.0, 0.2], budget=100.0, minimum=[0, 10]).matrix.shape
    (2, 2)
    """

    costs: Sequence[float]
    budget: float | None = None
    channels: Sequence[str | None] = ()
    channel_limits: Mapping[str, ChannelLimit] = field(default_factory=dict)
    minimum: Sequence[int] = ()
    maximum: Sequence[int | None] = ()
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        count = len(self.costs)
        defaults = {
            "channels": [None] * count,
            "minimum": [0] * count,
            "maximum": [None] * count,
            "names": [f"action {number}" for number in range(1, count + 1)],
        }
        for name, default in defaults.items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, default)
            if len(getattr(self, name)) != count:
                raise ParamsError(f"{name} has {len(getattr(self, name))} values for {count} actions")
        _check_numbers(self)

    @property
    def rows(self) -> list[tuple[str, Floats, float]]:
        """Name, coefficients per action and right-hand side of each upper limit."""
        costs = np.asarray(self.costs, dtype=np.float64)
        rows = [("budget", costs, self.budget)]
        for channel, limit in self.channel_limits.items():
            inside = np.array([each == channel for each in self.channels], dtype=np.float64)
            rows += [
                (f"budget of {channel}", costs * inside, limit.budget),
                (f"customers of {channel}", inside, limit.customers),
            ]
        one = np.eye(len(costs))
        rows += [
            (f"maximum of {name}", one[at], most)
            for at, (name, most) in enumerate(zip(self.names, self.maximum, strict=True))
        ]
        return [(name, row, float(bound)) for name, row, bound in rows if bound is not None]

    @property
    def matrix(self) -> Floats:
        """``A`` of ``A n <= b``, shape (limits, actions): upper limits, then minimum counts."""
        least = [-row for row, count in zip(np.eye(len(self.costs)), self.minimum, strict=True) if count > 0]
        rows = [row for _, row, _ in self.rows] + least
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.costs))

    @property
    def bounds(self) -> Floats:
        """``b`` of ``A n <= b``, shape (limits,)."""
        least = [-float(count) for count in self.minimum if count > 0]
        return np.array([bound for _, _, bound in self.rows] + least, dtype=np.float64)

    def with_holdout(self, share: float) -> PlanLimits:
        """Widen the limits for a choice of which a share is not treated: the treated ones keep within these.

        Of ``n`` customers chosen for an action, ``ceil(share n)`` are held out.
        """
        if share == 0.0:
            return self
        kept = 1.0 - share
        return replace(
            self,
            budget=None if self.budget is None else self.budget / kept,
            channel_limits={
                channel: ChannelLimit(
                    *(None if most is None else most / kept for most in (limit.budget, limit.customers))  # type: ignore[arg-type]
                )
                for channel, limit in self.channel_limits.items()
            },
            minimum=[_chosen_for(count, share) for count in self.minimum],
            maximum=[None if most is None else most / kept for most in self.maximum],  # type: ignore[misc]
        )

    def check_feasible(self, eligible: NDArray[np.bool_], share: float = 0.0) -> None:
        """Refuse minimum counts that the customers, the budget or a channel do not allow.

        Parameters
        ----------
        eligible : array, shape (actions, n)
        share : float
            Share of the chosen customers that is held out.

        Raises
        ------
        ParamsError
        """
        widened = self.with_holdout(share)
        least = np.asarray(widened.minimum, dtype=np.float64)
        for name, row, bound in widened.rows:
            if row @ least > bound * (1.0 + ROUNDING):
                raise ParamsError(
                    f"the minimum counts need {row @ least * (1.0 - share):,.10g} of the {name}, which is "
                    f"{bound * (1.0 - share):,.10g}: lower plan.actions.minimum or raise the limit"
                )
        asked = [at for at, count in enumerate(widened.minimum) if count > 0]
        groups = chain.from_iterable(combinations(asked, size) for size in range(1, len(asked) + 1))
        for group in groups:
            self._check_enough(group, least, eligible, share)

    def _check_enough(
        self, group: tuple[int, ...], least: Floats, eligible: NDArray[np.bool_], share: float
    ) -> None:
        """Hall's condition: any group of actions has enough customers for its minimum counts."""
        needed, there = int(least[list(group)].sum()), int(eligible[list(group)].any(axis=0).sum())
        if needed > there:
            names = ", ".join(self.names[at] for at in group)
            held = f" with a holdout of {share:.0%}" if share else ""
            raise ParamsError(
                f"the minimum of {names} needs {needed:,} customers{held}, and {there:,} may get it: "
                "lower plan.actions.minimum"
            )


def _chosen_for(treated: int, share: float) -> int:
    """Fewest customers to choose so that ``treated`` of them are left after the holdout."""
    chosen = int(np.ceil(treated / (1.0 - share) - ROUNDING))
    while chosen - held_out(chosen, share) < treated:
        chosen += 1
    return chosen


def held_out(chosen: int, share: float) -> int:
    """Size of the holdout of ``chosen`` customers: rounded up, so that the treated keep within the limits.

    >>> held_out(105, 0.1), held_out(100, 0.07)
    (11, 7)
    """
    return int(np.ceil(chosen * share - ROUNDING * max(chosen, 1)))


def _check_numbers(limits: PlanLimits) -> None:
    if not len(limits.costs):
        raise ParamsError("there are no actions: name at least one in plan.actions")
    if limits.budget is not None and not limits.budget >= 0:
        raise ParamsError(f"plan.budget is {limits.budget}: give an amount of at least 0")
    unknown = [channel for channel in limits.channel_limits if channel not in limits.channels]
    if unknown:
        raise ParamsError(
            f"plan.channels names {unknown[0]!r}, which no action uses: "
            f"channels of the actions are {', '.join(sorted({str(each) for each in limits.channels}))}"
        )
    per_action = zip(limits.names, limits.costs, limits.minimum, limits.maximum, strict=True)
    for name, cost, least, most in per_action:
        if not 0 <= cost <= LARGEST:
            raise ParamsError(f"the cost of {name} is {cost:g}: give an amount from 0 to {LARGEST:g}")
        if least < 0 or (most is not None and most < least):
            raise ParamsError(
                f"{name} has a minimum of {least:,} and a maximum of {most}: give 0 <= minimum <= maximum"
            )
