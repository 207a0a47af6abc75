"""Parameters of a campaign's evaluation."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator

from guanxi.errors import ParamsError
from guanxi.params._section import Section
from guanxi.periods import parse_date

CAMPAIGN_COLUMNS = ("customer_id", "arm", "date", "cost", "sent", "opened", "clicked", "converted")


class CampaignParams(Section):
    """A campaign file, and how its effect is measured."""

    columns: dict[str, str] = Field(default_factory=dict)
    day: date | None = None
    control: str | None = None
    leave_out: tuple[str, ...] = ("none",)
    randomised: Literal["true", "false", "unknown"] = "unknown"
    outcomes: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    shares: dict[str, float] = Field(default_factory=dict)
    planned_customers: int | None = Field(None, ge=2)
    looks: Literal["once", "repeated"] = "once"
    confidence: float = Field(0.95, gt=0.5, lt=1)
    power: float = Field(0.8, gt=0.5, lt=1)
    correction: Literal["holm", "bonferroni", "benjamini_hochberg", "none"] = "holm"
    benchmarks: dict[str, float] = Field(default_factory=dict)
    uplift: bool = True

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(columns.keys() - set(CAMPAIGN_COLUMNS))
        if unknown:
            known = ", ".join(CAMPAIGN_COLUMNS)
            raise ValueError(f"{unknown[0]!r} is not a column of a campaign: choose from {known}")
        return columns

    @field_validator("outcomes", "covariates", "by", "leave_out")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names))

    @field_validator("randomised", mode="before")
    @classmethod
    def _truth_value(cls, value: Any) -> Any:
        """Accept the truth values of YAML and Python."""
        return str(value).lower() if isinstance(value, bool | str) else value

    @field_validator("day", mode="before")
    @classmethod
    def _plain_date(cls, value: Any) -> Any:
        """Accept dates of any type; numbers would be read as seconds since 1970."""
        try:
            return None if value is None else parse_date(value, what="day")
        except ParamsError:
            raise ValueError("write a date as YYYY-MM-DD") from None
