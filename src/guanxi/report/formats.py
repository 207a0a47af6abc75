"""Numbers as people read them; what is missing becomes a dash."""

from __future__ import annotations

import math

MISSING = "–"
_PER_CENT = "\u00a0%"  # the blank does not break


def number(value: float, decimals: int = 0) -> str:
    """Write a number with separated thousands and a true minus sign.

    Examples
    --------
    >>> number(1234567.8), number(-0.25, 2), number(float("nan"))
    ('1,234,568', '−0.25', '–')
    """
    return f"{value:z,.{decimals}f}".replace("-", "−") if math.isfinite(value) else MISSING


def percent(share: float, decimals: int = 0) -> str:
    r"""Write a share of 1 in per cent; what is not quite all or nothing does not round to it.

    Examples
    --------
    >>> percent(0.256), percent(0.9999), percent(0.0001)
    ('26\xa0%', '> 99\xa0%', '< 1\xa0%')
    """
    if not math.isfinite(share):
        return MISSING
    step = 10.0**-decimals
    if 0 < share * 100 <= step / 2:
        return f"< {step:.{decimals}f}{_PER_CENT}"
    if 100 - step / 2 <= share * 100 < 100:
        return f"> {100 - step:.{decimals}f}{_PER_CENT}"
    return f"{number(share * 100, decimals)}{_PER_CENT}"


def decimals_for(largest: float) -> int:
    """Decimals for a column of numbers up to `largest`: none from 1,000 on, 3 below 10, 2 between.

    Examples
    --------
    >>> decimals_for(714.2), decimals_for(25000), decimals_for(0.81)
    (2, 0, 3)
    """
    if not math.isfinite(largest) or abs(largest) >= 1000:
        return 0
    return 3 if abs(largest) < 10 else 2
