"""The catalogue of indicators, and the error for unknown names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guanxi.errors import ParamsError, did_you_mean
from guanxi.scorecard.indicators import _advocacy, _interaction, _loyalty, _risk, _satisfaction, _value
from guanxi.scorecard.indicators._definition import Indicator

DIMENSIONS = ("value", "loyalty", "satisfaction", "interaction", "risk", "advocacy")
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
