"""Remarks on a campaign, written in the language of the page."""

from __future__ import annotations

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
        Values of the placeholders.
    """

    key: str
    facts: dict[str, Any] = field(default_factory=dict)

    def text(self, language: Language = "en") -> str:
        """Write the remark."""
        found: str = campaign_texts(language)["remarks"][self.key]
        return found.format(**self.facts)


def campaign_texts(language: Language) -> dict[str, Any]:
    """All texts of the campaign page."""
    return texts("guanxi.decisions.campaign", language)
