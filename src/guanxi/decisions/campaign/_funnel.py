"""Market response: how many customers reached each step of a campaign's funnel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import DataError
from guanxi.models.proportions import wilson_interval

STEPS = ("sent", "opened", "clicked", "converted")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FunnelResult:
    """Rates of a funnel.

    Attributes
    ----------
    rates : pandas.DataFrame
        By grouping (``by``: all, or a column), ``group`` and ``step``: ``customers``, how many ``reached``
        the step by all steps before it, ``reached_before`` (the previous step, for the first one all
        customers), ``rate`` (reached / reached_before) and ``rate_of_first`` (reached / reached the first
        step), each with the limits of its Wilson interval, ``_lower`` and ``_upper``.
    impossible : pandas.DataFrame
        Per pair of neighbouring steps: ``step``, ``without``, and the number of ``customers`` who reached the
        step without the one before it. These customers are counted up to their first missing step.
    """

    rates: pd.DataFrame = field(repr=False)
    impossible: pd.DataFrame = field(repr=False)


def funnel_rates(table: pd.DataFrame, *, by: Sequence[str] = (), confidence: float = 0.95) -> FunnelResult:
    """Response step by step, for all customers and by group.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer (or message), with at least two of the columns sent, opened, clicked, converted:
        booleans or 0 and 1.
    by : sequence of str
        Columns such as arm, segment or channel; a missing value is the group "unknown".
    confidence : float
        Of each interval.

    Raises
    ------
    DataError
        If there are fewer than two steps, no rows, no such column, or a flag is neither 0 nor 1.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"sent": [1, 1, 1, 1], "opened": [1, 1, 0, 0], "clicked": [1, 0, 1, 0]})
    >>> funnel_rates(sent).rates[["step", "reached", "rate"]].round(2).to_dict("list")
    {'step': ['sent', 'opened', 'clicked'], 'reached': [4, 2, 1], 'rate': [1.0, 0.5, 0.5]}
    >>> funnel_rates(sent).impossible.to_dict("records")[1]
    {'step': 'clicked', 'without': 'opened', 'customers': 1}
    """
    steps = [step for step in STEPS if step in table]
    if len(steps) < 2:
        raise DataError(f"a funnel needs two of the columns {', '.join(STEPS)}: give them as 0 and 1")
    if table.empty:
        raise DataError("a funnel needs at least one customer: the table has none")
    absent = [name for name in by if name not in table]
    if absent:
        raise DataError(f"there is no column {absent[0]} for the funnel: leave it out or add it")
    flags = np.column_stack([_flag(table[step]) for step in steps])
    reached = np.logical_and.accumulate(flags, axis=1)
    rates = [_rates(reached, steps, confidence).assign(by="all", group="all")]
    for name in by:
        groups = table[name].astype("object").where(table[name].notna(), "unknown").astype(str)
        rates += [
            _rates(reached[rows], steps, confidence).assign(by=name, group=str(group))
            for group, rows in sorted(groups.groupby(groups, sort=True).indices.items())
        ]
    columns = ["by", "group", *rates[0].columns[:-2]]
    broken = [
        {"step": later, "without": earlier, "customers": int((flags[:, place + 1] & ~flags[:, place]).sum())}
        for place, (earlier, later) in enumerate(pairwise(steps))
    ]
    return FunnelResult(pd.concat(rates, ignore_index=True)[columns], pd.DataFrame(broken))


def _flag(values: pd.Series[Any]) -> NDArray[np.bool_]:
    wrong = ~values.isin([0, 1])
    if wrong.any():
        raise DataError(
            f"column {values.name} has {wrong.sum()} values that are neither 0 nor 1, "
            f"such as {values[wrong].iloc[0]}: give true or false, 1 or 0"
        )
    return values.astype(bool).to_numpy()


def _rates(reached: NDArray[np.bool_], steps: Sequence[str], confidence: float) -> pd.DataFrame:
    counts = reached.sum(axis=0).astype(np.float64)
    before = np.concatenate([[float(len(reached))], counts[:-1]])
    table = pd.DataFrame(
        {
            "step": list(steps),
            "customers": len(reached),
            "reached": counts.astype(np.int64),
            "reached_before": before.astype(np.int64),
        }
    )
    first = np.full(len(steps), counts[0])
    for name, trials in (("rate", before), ("rate_of_first", first)):
        lower, upper = wilson_interval(counts, trials, confidence)
        with np.errstate(invalid="ignore", divide="ignore"):
            table = table.assign(**{name: counts / trials, f"{name}_lower": lower, f"{name}_upper": upper})
    return table
