"""Parts that the documents of several kinds of models have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Matrix = tuple[tuple[float, ...], ...]
Language = Literal["en", "zh"]


@dataclass(frozen=True)
class FittedProcess:
    """Parameters of a process, and the covariance of their logarithms; None if they are not identified."""

    params: Mapping[str, float]
    log_covariance: Matrix | None


@dataclass(frozen=True)
class LifetimeValue:
    """Annual discount rate, margin (share of spend, for logs without margins), coverage of the interval."""

    annual_discount_rate: float
    margin: float
    interval: float


@dataclass(frozen=True)
class Drivers:
    """Default number of drivers; reference sample of histories ``(frequency, recency, T)``."""

    top: int
    reference: Matrix = ()


@dataclass(frozen=True)
class Attribute:
    """A column of customers' attributes.

    Attributes
    ----------
    name : str
    categories : tuple of str or None
        Those seen in training; None for a number.
    typical : float or tuple of float
        Median of a number, or share of each category.
    """

    name: str
    categories: tuple[str, ...] | None
    typical: Any


class WithAttributes:
    """What the documents of models with attributes say about them."""

    attributes: tuple[Attribute, ...]

    @property
    def categories(self) -> dict[str, list[str] | None]:
        """Categories of each attribute, None for a number."""
        return {
            each.name: None if each.categories is None else list(each.categories) for each in self.attributes
        }

    @property
    def text_features(self) -> tuple[str, ...]:
        """Categorical features; all others are numbers."""
        return tuple(each.name for each in self.attributes if each.categories is not None)
