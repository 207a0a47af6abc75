"""Parameters of the return of the relationship programme."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field, field_validator

from guanxi.errors import ParamsError
from guanxi.params._section import Section
from guanxi.periods import parse_date


class CampaignEffectsParams(Section):
    """The effects of one campaign: the file, the first day, and the days after it that they are about."""

    effects: str = Field(min_length=1)
    date: date
    days: int = Field(ge=1)

    @field_validator("date", mode="before")
    @classmethod
    def _plain_date(cls, value: Any) -> Any:
        """Accept dates of any type; numbers would be read as seconds since 1970."""
        try:
            return parse_date(value, what="date")
        except ParamsError:
            raise ValueError("write a date as YYYY-MM-DD") from None


class ProgrammeParams(Section):
    """Campaigns whose effects are the programme's return."""

    campaigns: dict[str, CampaignEffectsParams] = Field(default_factory=dict)
    count_differences: tuple[str, ...] = ()
    confidence: float = Field(0.95, gt=0.5, lt=1)
