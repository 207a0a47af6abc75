"""Parameters of customers' profit and loss."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from guanxi.params._section import Section


class ChannelParams(Section):
    """When and how far the spending on a channel brings new customers.

    ``share`` of it is meant for acquisition; its customers come equally in ``spread`` months, the first of
    which is ``lag`` months after the spending (negative: it is paid after they came). ``onboarding`` is not
    sales or marketing, and counts only in the cost with onboarding.
    """

    share: float = Field(1.0, ge=0, le=1)
    lag: int = Field(0, ge=-24, le=24)
    spread: int = Field(1, ge=1, le=24)
    onboarding: bool = False


class ProfitParams(Section):
    """Customers' profit and loss, and the customer-base audit."""

    months: Literal[1, 3, 6, 12] | None = None
    cost_per_order: float = Field(0.0, ge=0)
    cost_per_return: float = Field(0.0, ge=0)
    channels: dict[str, ChannelParams] = Field(default_factory=dict)
