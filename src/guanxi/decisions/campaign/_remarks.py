"""Remarks on a campaign, written in the language of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from guanxi.served.texts import Language, texts


@dataclass(frozen=True)
class Remark:
    """What a reader must know before trusting a result: a text and its facts.

    Attributes
    ----------
    key : str
        In the section ``remarks`` of ``en.toml`` and ``zh.toml``.
    facts : dict
        Values of the placeholders; a list holds names of outcomes.
    """

    key: str
    facts: dict[str, Any] = field(default_factory=dict)

    def text(self, language: Language = "en") -> str:
        """Write the remark."""
        found: str = campaign_texts(language)["remarks"][self.key]
        return found.format(
            **{
                name: columns_in_words(each, language) if isinstance(each, list) else each
                for name, each in self.facts.items()
            }
        )


def campaign_texts(language: Language) -> dict[str, Any]:
    """All texts of the campaign page."""
    return texts("guanxi.decisions.campaign", language)


_BEFORE = re.compile(r"(.+)_before_(\d+)")
_UNKNOWN = " unknown"


def column_in_words(name: str, language: Language = "en") -> str:
    """Name an outcome or a covariate; a column of the campaign's file keeps its own name.

    Examples
    --------
    >>> column_in_words("spend_before_1"), column_in_words("favourite_shop")
    ('spend per customer in the window before the campaign', 'favourite shop')
    """
    t = campaign_texts(language)
    covariates = t["covariates"]
    if name.startswith("score_"):
        return str(t["page"]["score"]).format(instrument=name.removeprefix("score_").upper())
    if name in covariates or name in t["outcomes"]:
        return str(covariates.get(name) or t["outcomes"][name])
    if name.endswith(_UNKNOWN):
        return str(covariates["unknown"]).format(name=column_in_words(name.removesuffix(_UNKNOWN), language))
    if before := _BEFORE.fullmatch(name):
        key = "last_window" if before[2] == "1" else "earlier_window"
        return str(covariates[key]).format(outcome=column_in_words(before[1], language), count=before[2])
    return name.replace("_", " ")


def columns_in_words(names: Iterable[str], language: Language = "en") -> str:
    """Name several outcomes or covariates."""
    between = str(campaign_texts(language)["covariates"]["between"])
    return between.join(column_in_words(name, language) for name in names)
