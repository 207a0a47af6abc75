"""Parameters of a plan: actions, budget, limits and holdout."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from guanxi.params._section import Section
from guanxi.params.scorecard import Criterion, PlaybookRule


class PlanAction(PlaybookRule):
    """An action that a plan may choose for a customer who meets ``when``, by default everybody.

    ``save_rate`` is the assumed share of a customer's value at risk that the action keeps. Without it the
    effect is learnt from a past campaign, from its arm ``arm``, by default the one named as the action.
    """

    when: dict[str, Criterion] = Field(default_factory=dict)
    save_rate: float | None = Field(None, ge=0, le=1)
    save_rate_interval: tuple[float, float] | None = None
    arm: str | None = None
    minimum: int = Field(0, ge=0)
    maximum: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _around_the_rate(self) -> Self:
        if self.save_rate is not None and self.arm is not None:
            raise ValueError(f"{self.action} has a save_rate and an arm to learn from: leave one of them out")
        if self.save_rate_interval is not None:
            lower, upper = self.save_rate_interval
            if self.save_rate is None or not 0 <= lower <= self.save_rate <= upper <= 1:
                raise ValueError(
                    f"save_rate_interval of {self.action} is [{lower}, {upper}]: give rates around save_rate"
                )
        if self.maximum is not None and self.maximum < self.minimum:
            raise ValueError(f"{self.action} has a minimum of {self.minimum} and a maximum of {self.maximum}")
        return self


class PlanChannel(Section):
    """Most money and most customers of a channel."""

    budget: float | None = Field(None, ge=0)
    customers: int | None = Field(None, ge=0)


class PlanCustomer(Section):
    """Most money for one customer: an amount, or a share of what the customer is worth if kept."""

    cost: float | None = Field(None, ge=0)
    share_of_value: float | None = Field(None, gt=0)


class PlanParams(Section):
    """Whom to treat with what."""

    actions: tuple[PlanAction, ...] = ()
    budget: float | None = Field(None, gt=0)
    channels: dict[str, PlanChannel] = Field(default_factory=dict)
    customer: PlanCustomer = PlanCustomer()
    holdout: float = Field(0.1, ge=0, le=0.9)

    @model_validator(mode="after")
    def _names_apart(self) -> Self:
        names = [each.action for each in self.actions]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two actions are named {name!r}: name each action once")
        return self
