"""Parameters of scenarios: what could change, and by how much."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from guanxi.params._section import Section
from guanxi.params.scorecard import Criterion, Number

_PARAMETERS = {
    "normal": ("mean", "sd"),
    "triangular": ("low", "mode", "high"),
    "uniform": ("low", "high"),
    "lognormal": ("median", "sigma"),
}
_MOST_POINTS = 100
_LARGEST = 1e15  # larger numbers are typing errors that make the equity endless


def _as_grid(by: Any) -> Any:
    return by if isinstance(by, list | tuple) else (by,)


class ScenarioChange(Section):
    """A lever changed by x: one value, a grid of values, or a distribution.

    ``relative``: by the share x of today's level (0.1: 10 % more); ``absolute``: x is added to it. ``sigma``
    of ``lognormal`` is the standard deviation of the logarithm of x. ``segment`` is a condition as in the
    playbook.
    """

    lever: Literal["margin", "discount_rate", "acquisition_cost", "retention", "order_value", "purchase_rate"]
    by: Annotated[tuple[Number, ...], BeforeValidator(_as_grid)] = ()
    distribution: Literal["normal", "triangular", "uniform", "lognormal"] | None = None
    mean: float | None = None
    sd: float | None = Field(None, ge=0)
    low: float | None = None
    mode: float | None = None
    high: float | None = None
    median: float | None = Field(None, gt=0)
    sigma: float | None = Field(None, ge=0)
    kind: Literal["relative", "absolute"] = "relative"
    segment: dict[str, Criterion] = Field(default_factory=dict)

    @property
    def numbers(self) -> tuple[float, ...]:
        """Parameters of the distribution, in their order."""
        return tuple(getattr(self, name) for name in _PARAMETERS[self.distribution or ""])

    @model_validator(mode="after")
    def _one_way_to_change(self) -> Self:
        if bool(self.by) == bool(self.distribution):
            raise ValueError(f"{self.lever}: give either by (a number or a list) or a distribution")
        if len(self.by) > _MOST_POINTS:
            raise ValueError(
                f"{self.lever}: a grid of {len(self.by):,} values: give at most {_MOST_POINTS}, "
                "or a uniform distribution"
            )
        if any(abs(number) > _LARGEST for number in self.by):
            raise ValueError(f"{self.lever}: by is larger than {_LARGEST:g}: correct it")
        if self.segment and self.lever in ("discount_rate", "acquisition_cost"):
            raise ValueError(f"{self.lever} is the same for all customers: leave segment out")
        return self

    @model_validator(mode="after")
    def _parameters_of_the_distribution(self) -> Self:
        wanted = _PARAMETERS.get(self.distribution or "", ())
        every = dict.fromkeys(name for names in _PARAMETERS.values() for name in names)
        given = [name for name in every if getattr(self, name) is not None]
        if set(given) != set(wanted):
            if not wanted:
                raise ValueError(f"{self.lever}: {', '.join(given)} without a distribution: name one")
            raise ValueError(
                f"{self.lever}: distribution {self.distribution} takes {' and '.join(wanted)}, "
                f"not {' and '.join(given) or 'nothing'}"
            )
        if self.distribution in ("triangular", "uniform") and list(self.numbers) != sorted(self.numbers):
            raise ValueError(f"{self.lever}: distribution {self.distribution} needs {' <= '.join(wanted)}")
        return self


class ScenarioCase(Section):
    """A scenario: changes that happen together."""

    name: str = Field(min_length=1, max_length=80)
    changes: tuple[ScenarioChange, ...] = ()

    @model_validator(mode="after")
    def _each_lever_once(self) -> Self:
        keys = [(change.lever, str(change.segment)) for change in self.changes]
        if len(set(keys)) < len(keys):
            raise ValueError(f"scenario {self.name!r} changes a lever of the same segment twice: keep one")
        points = math.prod(len(change.by) or 1 for change in self.changes)
        if points > _MOST_POINTS:
            raise ValueError(
                f"the grids of scenario {self.name!r} have {points:,} combinations: "
                f"give at most {_MOST_POINTS}"
            )
        return self


class ScenarioParams(Section):
    """Scenarios, and what all of them share."""

    years: float = Field(10.0, gt=0, le=50)
    new_customers: float | None = Field(None, ge=0, le=_LARGEST)
    acquisition_cost: float | None = Field(None, ge=0, le=_LARGEST)
    swing: float = Field(0.1, gt=0, lt=1)
    draws: int = Field(10_000, ge=100, le=1_000_000)
    interval: float = Field(0.9, gt=0, lt=1)
    write_draws: bool = False
    cases: tuple[ScenarioCase, ...] = ()

    @model_validator(mode="after")
    def _names_and_costs(self) -> Self:
        names = [case.name for case in self.cases]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two scenarios are called {twice!r}: give each its own name")
        if (self.new_customers is None) != (self.acquisition_cost is None):
            raise ValueError("new_customers and acquisition_cost go together: give both, or neither")
        if self.new_customers is None and any(
            change.lever == "acquisition_cost" for case in self.cases for change in case.changes
        ):
            raise ValueError(
                "a scenario changes acquisition_cost: "
                "set scenario.new_customers and scenario.acquisition_cost"
            )
        return self
