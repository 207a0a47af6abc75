"""Parameters of customers under contract."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator

from guanxi.errors import ParamsError
from guanxi.params._section import Section
from guanxi.periods import TimeUnit, parse_date

# Required and optional columns of the three forms of contract data, the first of which that fits is read.
CONTRACT_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "events": (("customer_id", "timestamp", "event"), ("amount", "plan", "period", "channel")),
    "customers": (("customer_id", "tenure", "churned"), ("amount", "plan", "period", "channel")),
    "contracts": (("customer_id", "start"), ("end", "amount", "plan", "period", "channel")),
}


class ContractParams(Section):
    """How contracts are converted to spells of whole periods.

    ``observed`` is ``history`` if customers who left are in the data whenever they left, ``last_period`` if a
    file of customers has only those who left in the last period, or the first day from which on customers who
    left are in the data.
    """

    period: TimeUnit = "M"
    observed: Literal["history", "last_period"] | date = "history"
    overlaps: Literal["add", "replace"] = "add"
    grace_days: int = Field(0, ge=0, le=366)

    @field_validator("observed", mode="before")
    @classmethod
    def _word_or_date(cls, observed: Any) -> Any:
        """Accept only the words and dates; numbers would be read as seconds since 1970."""
        if observed in ("history", "last_period"):
            return observed
        try:
            return parse_date(str(observed), what="observed")
        except ParamsError:
            raise ValueError("write history, last_period, or a date as YYYY-MM-DD") from None
