"""Parameters of the data: transactions and relation tables."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator

from guanxi.errors import ParamsError
from guanxi.params._contracts import CONTRACT_COLUMNS
from guanxi.params._section import Section
from guanxi.periods import parse_date

REQUIRED_COLUMNS = ("customer_id", "timestamp")
OPTIONAL_COLUMNS = ("amount", "order_id", "quantity", "unit_price", "category", "channel", "margin")
COST = "cost"  # of the goods on a line; never mapped by its name alone
MISSING_WORDS = ("null", "none", "nan", "nat", "n/a", "na", "#n/a", "\\n", "-", ".", "guest")
TOTAL_WORDS = (
    *("total", "totals", "grand total", "subtotal", "sub total", "sum", "summe", "gesamt", "gesamtsumme"),
    *("gesamtergebnis", "zwischensumme", "total general", "total général", "somme", "suma", "totale"),
    *("ergebnis", "totaal", "total geral", "合计", "总计", "小计", "汇总", "合計", "総計", "小計", "集計"),
)
# Required and optional columns of each relation table.
RELATION_COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "customers": (
        ("customer_id",),
        ("acquired_on", "acquisition_channel", "acquisition_cost", "referred_by", "contract"),
    ),
    "interactions": (("customer_id", "timestamp"), ("channel", "kind", "direction", "responded")),
    "surveys": (
        ("customer_id", "timestamp", "instrument", "score"),
        ("scale_low", "scale_high", "dimension", "expectation"),
    ),
    "tickets": (("customer_id", "opened"), ("closed", "satisfaction", "complaint")),
    "costs": (("customer_id", "timestamp", "kind", "amount"), ()),
    "credit": (("customer_id", "timestamp"), ("credit_limit", "overdue_days", "defaults")),
    "spending": (("timestamp", "channel", "amount"), ()),
    "points": (("customer_id", "date", "earned"), ("redeemed", "expired")),
    "owners": (("customer_id", "date", "owner"), ("team",)),
    "investments": (("phase", "date", "amount"), ()),
}


class DataParams(Section):
    """How a source is converted to canonical transactions."""

    columns: dict[str, str] = Field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    refunds: Literal["net", "drop", "reject"] = "net"
    duplicates: Literal["keep", "drop"] = "keep"
    duplicates_ignore: tuple[str, ...] = ()
    event_grain: Literal["D", "W", "M", "Y"] = "D"
    timezone: str = "UTC"
    timestamp_format: str | None = None
    encoding: str = "utf-8"
    decimal: Literal[".", ","] | None = None
    thousands: Literal["", ",", ".", " ", "'"] | None = None
    missing: tuple[str, ...] = MISSING_WORDS
    guests: tuple[str, ...] | None = None
    totals: tuple[str, ...] = TOTAL_WORDS
    max_amount: float = Field(1e12, gt=0, le=1e15, allow_inf_nan=False)
    first_day: date | None = None
    last_day: date | None = None
    sheet: str | None = None
    skip_lines: int | None = Field(None, ge=0)
    header: bool = True

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        of_contracts = (name for columns in CONTRACT_COLUMNS.values() for names in columns for name in names)
        known = tuple(dict.fromkeys((*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS, COST, *of_contracts)))
        for name in columns:
            if name not in known:
                raise ValueError(f"{name!r} is not a canonical column: choose from {', '.join(known)}")
        if COST in columns and "margin" in columns:
            raise ValueError("the margin is the amount less the cost: map one of margin and cost")
        return columns

    @field_validator("thousands", mode="before")
    @classmethod
    def _usual_sign(cls, thousands: Any) -> Any:
        """Accept the blanks and apostrophes that separate thousands, of any width."""
        if not isinstance(thousands, str) or not thousands:
            return thousands
        return thousands.translate(str.maketrans("’´‘", "'''")) if thousands.strip() else " "

    @field_validator("thousands")
    @classmethod
    def _not_the_decimal(cls, thousands: str | None, info: ValidationInfo) -> str | None:
        if thousands and thousands == info.data.get("decimal"):
            raise ValueError("it is also data.decimal: choose another, or null")
        return thousands

    @field_validator("guests", mode="before")
    @classmethod
    def _guests_as_text(cls, guests: Any) -> Any:
        """Convert identifiers that YAML reads as numbers to text."""
        return [str(each) for each in guests] if isinstance(guests, list | tuple) else guests

    @field_validator("first_day", "last_day", mode="before")
    @classmethod
    def _plain_date(cls, day: Any, info: ValidationInfo) -> Any:
        """Accept only dates; numbers would be read as seconds since 1970."""
        try:
            return None if day is None else parse_date(str(day), what=str(info.field_name))
        except ParamsError:
            raise ValueError("write a date as YYYY-MM-DD") from None

    @field_validator("missing", "totals")
    @classmethod
    def _plain_words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(word.strip().lower() for word in words)

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{timezone!r} is not an IANA time zone such as UTC or Europe/London") from None
        return timezone


class RelationParams(Section):
    """Source of a relation table, and how it is converted to canonical form."""

    source: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    constants: dict[str, str] = Field(default_factory=dict)
    timestamp_format: str | None = None
    encoding: str | None = None

    @field_validator("constants", mode="before")
    @classmethod
    def _as_text(cls, constants: Any) -> Any:
        """Convert YAML numbers, dates and booleans to text."""
        if not isinstance(constants, dict):
            return constants
        plain = (bool, int, float, date)
        return {name: str(value) if isinstance(value, plain) else value for name, value in constants.items()}


class RelationsParams(Section):
    """Relation tables, all optional."""

    customers: RelationParams = RelationParams()
    interactions: RelationParams = RelationParams()
    surveys: RelationParams = RelationParams()
    tickets: RelationParams = RelationParams()
    costs: RelationParams = RelationParams()
    credit: RelationParams = RelationParams()
    spending: RelationParams = RelationParams()
    points: RelationParams = RelationParams()
    owners: RelationParams = RelationParams()
    investments: RelationParams = RelationParams()

    @field_validator("*")
    @classmethod
    def _known_columns(cls, relation: RelationParams, info: ValidationInfo) -> RelationParams:
        required, optional = RELATION_COLUMNS[str(info.field_name)]
        for name in (*relation.columns, *relation.constants):
            if name not in (*required, *optional):
                known = ", ".join((*required, *optional))
                raise ValueError(f"{name!r} is not a column of {info.field_name}: choose from {known}")
        both = sorted(relation.columns.keys() & relation.constants.keys())
        if both:
            raise ValueError(f"{both[0]!r} has both a column and a constant: keep one")
        return relation
