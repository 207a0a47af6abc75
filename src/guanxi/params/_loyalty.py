"""Parameters of a loyalty programme."""

from __future__ import annotations

from pydantic import Field

from guanxi.params._section import Section


class LoyaltyParams(Section):
    """What points are worth and what members are given."""

    point_value: float | None = Field(None, gt=0)
    redeemed_share: float | None = Field(None, ge=0, le=1)
    decimals: int | None = Field(None, ge=0, le=6)
    discount: float = Field(0.0, ge=0, lt=1)
