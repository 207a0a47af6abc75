"""The catalogue of indicators, and the error for unknown names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guanxi.errors import ParamsError, did_you_mean
from guanxi.scorecard.indicators import _advocacy, _interaction, _loyalty, _risk, _satisfaction, _value
from guanxi.scorecard.indicators._definition import Indicator, Language

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
    for dimension in (_value, _loyalty, _satisfaction, _interaction, _risk, _advocacy)
    for indicator in dimension.INDICATORS
}


def refuse_unknown(names: Iterable[Any], known: Iterable[str], where: str, what: str) -> None:
    """Refuse an unknown name, and suggest the closest known one.

    Parameters
    ----------
    names : iterable
        Names as written by the user.
    known : iterable of str
    where, what : str
        The key of the parameters that contains the names, and the kind of thing they name.

    Raises
    ------
    ParamsError

    Examples
    --------
    >>> refuse_unknown(["csatt"], ["csat", "ces"], "targets", "indicator")
    Traceback (most recent call last):
    guanxi.errors.ParamsError: targets: no indicator 'csatt': did you mean csat?
    """
    known = list(known)
    for name in names:
        if name not in known:
            raise ParamsError(f"{where}: no {what} {name!r}: {did_you_mean(name, known)}")
