"""The catalogue of indicators."""

from __future__ import annotations

from collections.abc import Mapping

from guanxi.scorecard.indicators import advocacy, interaction, loyalty, risk, satisfaction, value
from guanxi.scorecard.indicators.definition import Indicator, Language

DIMENSIONS: Mapping[str, Mapping[Language, str]] = {
    "value": {"en": "Value", "zh": "价值"},
    "loyalty": {"en": "Loyalty", "zh": "忠诚"},
    "satisfaction": {"en": "Satisfaction", "zh": "满意"},
    "interaction": {"en": "Interaction", "zh": "互动"},
    "risk": {"en": "Risk", "zh": "风险"},
    "advocacy": {"en": "Advocacy", "zh": "推荐"},
}
CATALOGUE: dict[str, Indicator] = {
    indicator.name: indicator
    for dimension in (value, loyalty, satisfaction, interaction, risk, advocacy)
    for indicator in dimension.INDICATORS
}


def catalogue_markdown(language: Language = "en") -> str:
    """Write the catalogue as Markdown, a table for each dimension."""
    return "\n\n".join(_section(dimension, language) for dimension in DIMENSIONS) + "\n"


def _section(dimension: str, language: Language) -> str:
    rows = [
        "| name | | formula | unit | better | from | missing means | reference |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(each, language) for each in CATALOGUE.values() if each.dimension == dimension),
    ]
    return f"## {DIMENSIONS[dimension][language]}\n\n" + "\n".join(rows)


def _row(indicator: Indicator, language: Language) -> str:
    better = "higher" if indicator.higher_is_better else "lower"
    cells = (
        f"`{indicator.name}`", indicator.label[language], indicator.formula, indicator.unit, better,
        ", ".join(indicator.sources), indicator.missing, indicator.reference,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
