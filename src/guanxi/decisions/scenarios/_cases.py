"""Scenarios as configured: points of their grids, draws of their distributions, and the equity of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.scenarios._draws import draw
from guanxi.decisions.scenarios._equity import Equity, Setting, customer_equity
from guanxi.decisions.scenarios._levers import Key, Levers
from guanxi.errors import ParamsError
from guanxi.params import ScenarioCase, ScenarioChange
from guanxi.segments.membership import segment_name

Floats = NDArray[np.float64]

TODAY = "today"


@dataclass(frozen=True)
class Outcome:
    """A scenario at one point of its grids, for one setting or as many as there are draws.

    Attributes
    ----------
    name : str
    point : int
        From 1.
    by : str
        The values of its grids at this point, such as ``+5 %``; empty without a grid.
    levels : dict
        New level of each lever and segment, shape (d,) or (1,).
    limited : float
        Share of draws in which a lever was held at the end of its range.
    setting : Setting
    equity : Equity
    """

    name: str
    point: int
    by: str
    levels: dict[Key, Floats]
    limited: float
    setting: Setting
    equity: Equity

    @property
    def random(self) -> bool:
        """Whether there are draws."""
        return any(len(level) > 1 for level in self.levels.values())


def today(levers: Levers) -> Outcome:
    """Value the customers with all levers as they are."""
    setting = levers.setting({})
    return Outcome(TODAY, 1, "", {}, 0.0, setting, customer_equity(levers.base, setting, levers.new))


def run_cases(cases: Sequence[ScenarioCase], levers: Levers, *, draws: int, seed: int) -> list[Outcome]:
    """Value the customers in each scenario, at each point of its grids.

    Raises
    ------
    ParamsError
        If a value leads to an impossible level, or a lever cannot be changed. Draws beyond the range of a
        lever are held at its end and counted.
    """
    return [outcome for case in cases for outcome in _run(case, levers, draws, seed)]


def outcome_table(outcomes: Sequence[Outcome], now: Outcome, interval: float) -> pd.DataFrame:
    """Tabulate equity by scenario and point, and its change from today.

    Returns
    -------
    DataFrame
        ``scenario, point, by, equity, change, change_share, within_horizon, beyond, new_customers``; means
        over draws; ``equity_lower, equity_upper, change_lower, change_upper`` (central interval, NaN without
        draws), ``draws``, ``limited`` (share of draws in which a lever was held at the end of its range).
    """
    reference = float(now.equity.total[0])
    ends = [(1.0 - interval) / 2.0, (1.0 + interval) / 2.0]
    rows = []
    for outcome in [now, *outcomes]:
        total = outcome.equity.total
        lower, upper = np.quantile(total, ends) if outcome.random else (np.nan, np.nan)
        mean = float(total.mean())
        rows.append(
            {
                "scenario": outcome.name,
                "point": outcome.point,
                "by": outcome.by,
                "equity": mean,
                "equity_lower": lower,
                "equity_upper": upper,
                "change": mean - reference,
                "change_lower": lower - reference,
                "change_upper": upper - reference,
                "change_share": (mean - reference) / abs(reference) if reference else np.nan,
                "within_horizon": float(outcome.equity.within.mean()),
                "beyond": float(outcome.equity.beyond.mean()),
                "new_customers": float(outcome.equity.new.mean()),
                "draws": len(total) if outcome.random else 0,
                "limited": outcome.limited,
            }
        )
    return pd.DataFrame(rows)


def level_table(outcomes: Sequence[Outcome], levers: Levers, interval: float) -> pd.DataFrame:
    """Tabulate the changed levers: ``scenario, point, lever, segment, today, level`` and its interval."""
    ends = [(1.0 - interval) / 2.0, (1.0 + interval) / 2.0]
    rows = []
    for outcome in outcomes:
        for (lever, segment), level in outcome.levels.items():
            lower, upper = np.quantile(level, ends) if len(level) > 1 else (np.nan, np.nan)
            about = {"scenario": outcome.name, "point": outcome.point, "lever": lever, "segment": segment}
            found = {"today": levers.today((lever, segment)), "level": float(level.mean())}
            rows.append({**about, **found, "level_lower": lower, "level_upper": upper})
    columns = ["scenario", "point", "lever", "segment", "today", "level", "level_lower", "level_upper"]
    return pd.DataFrame(rows, columns=columns)


def draws_table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """List every draw: ``scenario, point, draw, equity`` and the levels, named ``lever of segment``."""
    tables = []
    for outcome in outcomes:
        if outcome.random:
            count = len(outcome.equity.total)
            levels = {
                f"{lever} of {segment}": np.broadcast_to(level, count)
                for (lever, segment), level in outcome.levels.items()
            }
            about = {"scenario": outcome.name, "point": outcome.point, "draw": np.arange(1, count + 1)}
            tables.append(pd.DataFrame({**about, "equity": outcome.equity.total, **levels}))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["scenario"])


def _run(case: ScenarioCase, levers: Levers, draws: int, seed: int) -> Iterator[Outcome]:
    where = f"scenario {case.name!r}"
    keys: list[Key] = [(change.lever, segment_name(change.segment, where)) for change in case.changes]
    for key in keys:
        levers.check(key, where)
    grids = [_grid(change, key, draws, seed) for change, key in zip(case.changes, keys, strict=True)]
    for point, changes in enumerate(product(*grids), start=1):
        levels: dict[Key, Floats] = {}
        limited = np.zeros(1, dtype=bool)
        for change, key, by in zip(case.changes, keys, changes, strict=True):
            levels[key], held = _new_level(change, key, by, levers, where)
            limited = limited | held
        setting = levers.setting(levels)
        equity = customer_equity(levers.base, setting, levers.new)
        yield Outcome(
            case.name, point, _of_grids(case, changes), levels, float(limited.mean()), setting, equity
        )


def _of_grids(case: ScenarioCase, values: Sequence[Floats]) -> str:
    """Name the values of the grids at one point."""
    return ", ".join(
        f"{value[0] * 100:+.4g}\u00a0%" if change.kind == "relative" else f"{value[0]:+.4g}"
        for change, value in zip(case.changes, values, strict=True)
        if len(change.by) > 1
    )


def _grid(change: ScenarioChange, key: Key, draws: int, seed: int) -> list[Floats]:
    """Points of a change: each a value, shape (1,), or draws, shape (draws,)."""
    if change.distribution is None:
        return [np.array([value]) for value in change.by]
    return [draw(change.distribution, change.numbers, draws, seed, key)]


def _new_level(
    change: ScenarioChange, key: Key, by: Floats, levers: Levers, where: str
) -> tuple[Floats, NDArray[np.bool_]]:
    """Compute the new level, and whether it was held at the end of the lever's range."""
    today_level, (lowest, highest) = levers.today(key), levers.limits(key)
    level = today_level * (1.0 + by) if change.kind == "relative" else today_level + by
    held = (level < lowest) | (level > highest)
    if held.any() and change.distribution is None:
        ends = f"between {lowest:.4g} and {highest:.4g}" if np.isfinite(highest) else f"{lowest:.4g} or more"
        raise ParamsError(
            f"{where}: {key[0]} of {key[1]} is {today_level:.4g} today and would be {level[0]:.4g}: "
            f"give a change that leaves it {ends}"
        )
    return np.clip(level, lowest, highest), held
