"""What a scorecard has to show, on the page and in the workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from guanxi.errors import DataError
from guanxi.scorecard.report.page_words import page_words
from guanxi.served.texts import Language, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_COLUMNS = {"table": ("customer_id", "score", "tier"), "weights": ("indicator", "dimension", "weight")}


@dataclass(frozen=True)
class ScorecardReport:
    """What a scorecard has to show.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per customer: ``customer_id, score`` (0 to 100)``, tier``; where they are known
        ``<dimension>_score, <indicator>_points, clv, churn_probability``.
    weights : pandas.DataFrame
        ``indicator, dimension, weight`` (global, adding up to 1) and, of each method that was combined, a
        column with its own weights, headed as it is to be shown.
    method : str
        How the weights were found, in words of the page's language.
    consistency : mapping of str to float
        Consistency ratio of each branch that was judged by pairs; empty where none was.
    notes : sequence of str
        What was absent, constant or renormalised, a sentence each.
    labels : mapping of str to str
        Names of indicators and dimensions in the page's language; those without keep their own.
    migration : pandas.DataFrame, optional
        Customers by tier before (rows) and now (columns), with ``came`` and ``left`` for who has no other.
    kept : array of float, optional
        Share of the draws of the weights in which each customer keeps the tier; NaN without a tier.
    draws : int
        How many draws there were.
    """

    table: pd.DataFrame = field(repr=False)
    weights: pd.DataFrame = field(repr=False)
    method: str
    consistency: Mapping[str, float]
    notes: Sequence[str]
    labels: Mapping[str, str]
    migration: pd.DataFrame | None = None
    kept: ArrayLike | None = field(default=None, repr=False)
    draws: int = 0

    @property
    def methods(self) -> list[str]:
        """Methods whose weights were combined."""
        return [str(name) for name in self.weights.columns if name not in _COLUMNS["weights"]]

    def label(self, name: str, language: Language) -> str:
        """Name an indicator or dimension: as given, else in the page's words, else by its own name."""
        return (
            self.labels.get(name) or page_words(language).get(f"dimension_{name}") or name.replace("_", " ")
        )

    def consistency_text(self, language: Language) -> str:
        """Tell the consistency of the judgements; nothing where there were none."""
        if not self.consistency:
            return ""
        told = [
            f"{self.label(name, language)} {number(ratio, 3)}" for name, ratio in self.consistency.items()
        ]
        return page_words(language)["consistency_text"].format(ratios="; ".join(told))

    def check(self) -> None:
        """Fail where a table lacks a column.

        Raises
        ------
        DataError
        """
        for name, columns in _COLUMNS.items():
            table = getattr(self, name)
            missing = [column for column in columns if column not in table]
            if missing:
                has = list(table.columns)
                raise DataError(f"scorecard: {name} lacks the column {missing[0]!r}; it has {has}")

    def ordered_weights(self) -> pd.DataFrame:
        """Weights with the heaviest dimension first, and within it the heaviest indicator."""
        heaviest = self.weights.groupby("dimension")["weight"].transform("sum")
        keys = pd.DataFrame(
            {"of": -heaviest, "by": self.weights["dimension"], "own": -self.weights["weight"]}
        )
        return self.weights.loc[keys.sort_values(["of", "by", "own"], kind="stable").index]
