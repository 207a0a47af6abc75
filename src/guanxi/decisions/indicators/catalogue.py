"""The catalogue of indicators, and its names checked wherever somebody writes them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from guanxi.decisions.indicators import advocacy, interaction, loyalty, risk, satisfaction, value
from guanxi.decisions.indicators.definition import Indicator, Language
from guanxi.errors import ParamsError

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


def check_names(names: Iterable[str], where: str, known: Iterable[str] = tuple(CATALOGUE)) -> None:
    """Refuse the name of an indicator that is not known.

    Parameters
    ----------
    names : iterable of str
    where : str
        The part of the parameters that holds them, for the message.
    known : iterable of str
        Default: the whole catalogue.

    Raises
    ------
    ParamsError

    Examples
    --------
    >>> check_names(["csatt"], "targets")
    Traceback (most recent call last):
    guanxi.errors.ParamsError: targets: no indicator 'csatt': did you mean csat?
    """
    known = list(known)
    for name in names:
        if name in known:
            continue
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise ParamsError(f"{where}: no indicator {name!r}: {hint}")


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
