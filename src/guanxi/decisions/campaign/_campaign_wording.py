"""Numbers and names of a campaign as they are written on its page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from guanxi.data.campaigns import FLAGS
from guanxi.decisions.campaign._campaign_result import CampaignResult
from guanxi.decisions.campaign._experiment import share_columns
from guanxi.decisions.campaign._remarks import campaign_texts, column_in_words
from guanxi.served.texts import MISSING, Language, decimals_for, number, percent, signed

Record = dict[str, Any]


def records(table: pd.DataFrame) -> list[Record]:
    """Return the rows of a table by column name."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True)
class Wording:
    """The words of a campaign in one language, and which of its outcomes are shares."""

    language: Language
    shares: tuple[str, ...]

    @classmethod
    def of(cls, result: CampaignResult, language: Language) -> Wording:
        """Find out how the outcomes of a campaign are written."""
        return cls(language, (*share_columns(result.observed.outcomes), *FLAGS))

    @property
    def texts(self) -> dict[str, Any]:
        """All texts."""
        return campaign_texts(self.language)

    def say(self, key: str, **facts: Any) -> str:
        """Write a sentence."""
        text: str = self.texts["page"][key]
        return text.format(**facts)

    def outcome(self, name: str) -> str:
        """Name an outcome; a column of the file has its own name."""
        return column_in_words(name, self.language)

    def level(self, outcome: str, value: float) -> str:
        """Write a mean."""
        if outcome in self.shares:
            return percent(value, 1)
        return number(value, decimals_for(value))

    def change(self, outcome: str, value: float, row: Record | None = None) -> str:
        """Write a difference of means with sign, of shares in points, as exactly as its interval."""
        if not math.isfinite(value):
            return MISSING
        ends = [value] if row is None else [value, row["lower"], row["upper"]]
        largest = max(abs(end) for end in ends if math.isfinite(end))
        if outcome in self.shares:
            return self.say("points", value=signed(100.0 * value, 1 if largest >= 0.01 else 2))
        return signed(value, decimals_for(largest))

    def interval(self, outcome: str, row: Record, lower: str = "lower", upper: str = "upper") -> str:
        """Write an interval of a difference."""
        ends = [row[lower], row[upper]]
        if not all(map(math.isfinite, ends)):
            return MISSING
        if outcome in self.shares:
            decimals = 1 if max(map(abs, ends)) >= 0.01 else 2
            shown = [signed(100.0 * end, decimals) for end in ends]
        else:
            shown = [signed(end, decimals_for(max(map(abs, ends)))) for end in ends]
        return self.say("interval", lower=shown[0], upper=shown[1])


def probability(value: float) -> str:
    r"""Write a p-value with its sign of comparison.

    Examples
    --------
    >>> probability(0.0312), probability(1e-9)
    ('=\xa00.031', '<\xa00.001')
    """
    if not math.isfinite(value):
        return MISSING
    return f"=\xa0{number(value, 3)}" if value >= 0.001 else "<\xa00.001"
