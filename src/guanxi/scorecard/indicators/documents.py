"""What people write of indicators in the parameters, checked with messages that say where."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from guanxi.errors import ParamsError


def refuse_unknown(names: Iterable[Any], known: Iterable[str], where: str, what: str) -> None:
    """Refuse a name that is not known, and offer the nearest.

    Parameters
    ----------
    names : iterable
        As written.
    known : iterable of str
    where, what : str
        The part of the parameters that holds the names, and what they name.

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
        if name in known:
            continue
        close = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise ParamsError(f"{where}: no {what} {name!r}: {hint}")


def checked_map(document: Any, where: str) -> Mapping[Any, Any]:
    """Refuse anything but a map.

    Raises
    ------
    ParamsError
    """
    if not isinstance(document, Mapping):
        raise ParamsError(f"{where} = {document!r} is no map: write keys with values below it")
    return document


def checked_number(value: Any, where: str) -> float:
    """Refuse anything but a finite number.

    Raises
    ------
    ParamsError
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value):
        raise ParamsError(f"{where} = {value!r} is no finite number: write one such as 0.8")
    return float(value)
