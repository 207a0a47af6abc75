"""What each lever moves: elasticities, the bars of a tornado, and the closed form of a steady customer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.decisions.scenarios._equity import customer_equity
from guanxi.decisions.scenarios._levers import EVERYONE, Levers

_STEP = 1e-4


def steady_value(margin: float, retention: float, discount_rate: float) -> float:
    """Value of a customer who pays a margin at the end of each year with constant retention, without end.

    ``margin * retention / (1 + discount_rate - retention)``: Gupta, Lehmann & Stuart (2004), Valuing
    Customers, Journal of Marketing Research 41(1).

    Examples
    --------
    >>> round(steady_value(100.0, 0.8, 0.12), 6)
    250.0
    """
    return margin * retention / (1.0 + discount_rate - retention)


def steady_elasticities(retention: float, discount_rate: float) -> dict[str, float]:
    """Elasticities of :func:`steady_value`: per cent of value for one per cent of the lever.

    Examples
    --------
    >>> {name: round(value, 6) for name, value in steady_elasticities(0.8, 0.12).items()}
    {'margin': 1.0, 'retention': 3.5, 'discount_rate': -0.375}
    """
    room = 1.0 + discount_rate - retention
    return {
        "margin": 1.0,
        "retention": (1.0 + discount_rate) / room,
        "discount_rate": -discount_rate / room,
    }


def elasticities(levers: Levers) -> pd.DataFrame:
    """Elasticity of customer equity to each lever that can be changed, by central difference.

    Returns
    -------
    DataFrame
        ``lever, level`` (today), ``elasticity`` (per cent of equity for one per cent of the level),
        ``one_per_cent`` (change of equity in money for it), by decreasing size.
    """
    now = _total(levers, "margin", 1.0)
    rows = []
    for lever in levers.changeable:
        level, highest = levers.today((lever, EVERYONE)), levers.limits((lever, EVERYONE))[1]
        step = min(_STEP, (highest / level - 1.0) / 2.0)
        slope = (_total(levers, lever, 1.0 + step) - _total(levers, lever, 1.0 - step)) / (2.0 * step)
        rows.append(
            {
                "lever": lever,
                "level": level,
                "elasticity": slope / now if now else np.nan,
                "one_per_cent": slope / 100.0,
            }
        )
    return _by_size(pd.DataFrame(rows), "one_per_cent")


def tornado(levers: Levers, swing: float) -> pd.DataFrame:
    """Equity with each lever lower and higher by a share of its level, the others as today.

    Returns
    -------
    DataFrame
        ``lever, level, level_low, level_high, equity_low, equity_high``, ``change_low, change_high`` (from
        today), ``range`` (between both equities), widest first. A level beyond the range of its lever is
        held at its end.
    """
    now = _total(levers, "margin", 1.0)
    rows = []
    for lever in levers.changeable:
        level, (lowest, highest) = levers.today((lever, EVERYONE)), levers.limits((lever, EVERYONE))
        ends = np.clip([level * (1.0 - swing), level * (1.0 + swing)], lowest, highest)
        low, high = (_total(levers, lever, end / level) for end in ends)
        rows.append(
            {
                "lever": lever,
                "level": level,
                "level_low": ends[0],
                "level_high": ends[1],
                "equity_low": low,
                "equity_high": high,
                "change_low": low - now,
                "change_high": high - now,
                "range": abs(high - low),
            }
        )
    return _by_size(pd.DataFrame(rows), "range")


def _total(levers: Levers, lever: str, ratio: float) -> float:
    """Equity with one lever of everyone at a multiple of its level."""
    key = (lever, EVERYONE)
    changed = {} if ratio == 1.0 else {key: np.array([levers.today(key) * ratio])}
    return float(customer_equity(levers.base, levers.setting(changed), levers.new).total[0])


def _by_size(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Order rows by decreasing size, equal ones by the lever's name."""
    order = np.lexsort((table["lever"], -table[column].abs().round(9)))
    return table.iloc[order].reset_index(drop=True)
