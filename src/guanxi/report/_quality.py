"""Tables on the quality of a model, for pages made of chapters."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from guanxi.report import _summaries
from guanxi.report.chapters import ShownTable
from guanxi.report.words import _measure, words
from guanxi.served.texts import Language, decimals_for, number

_OWN = "guanxi"


def calibration_table(customers: pd.DataFrame, t: Mapping[str, str]) -> ShownTable:
    """Compare predicted and observed shares of leavers by group of predicted probability.

    ``customers`` has ``churned, churn_probability``; ``t`` the headings ``calibration, group, predicted,
    observed, customers``.
    """
    groups = _summaries.reliability(customers).assign(group=lambda table: np.arange(1, len(table) + 1))
    headings = {name: t[name] for name in ("group", "predicted", "observed", "customers")}
    shares = ("predicted", "observed", "lower", "upper")
    return ShownTable(t["calibration"], groups, headings, shares=shares, interval="observed")


def measures_table(metrics: pd.DataFrame, t: Mapping[str, str], language: Language) -> ShownTable:
    """Show each metric of the model, how sure it is, and the same of a constant forecast.

    ``metrics`` has ``model, metric, value`` and either ``standard_deviation`` or ``lower, upper``; ``t`` the
    headings ``measures, measures_note, measure, meaning, model, spread, constant``, and ``target_…`` if there
    are several targets.
    """
    own = metrics[metrics["model"] == _OWN]
    others = metrics[metrics["model"] != _OWN]
    targets = len(metrics["target"].unique()) > 1
    rows = []
    for row in own.to_dict("records"):
        described, decimals = _measure(str(row["metric"]), language), decimals_for(abs(row["value"]))
        named = t.get(f"target_{row['target']}", "")
        meaning = (described.meaning, words(language)[described.direction]) if described else ()
        same = others[(others["metric"] == row["metric"]) & (others["target"] == row["target"])]["value"]
        label = (
            described.label if described else t.get(str(row["metric"]), str(row["metric"]).replace("_", " "))
        )
        rows.append(
            {
                "measure": f"{named}: {label}" if targets else label,
                "meaning": words(language)["semicolon"].join(filter(None, meaning)),
                "model": number(row["value"], decimals),
                "spread": _spread(row, decimals, language),
                "constant": number(float(same.iloc[0]) if len(same) else np.nan, decimals),
            }
        )
    headings = {name: t[name] for name in ("measure", "meaning", "model", "spread", "constant")}
    return ShownTable(t["measures"], pd.DataFrame(rows), headings, note=t["measures_note"])


def _spread(row: Mapping[Hashable, Any], decimals: int, language: Language) -> str:
    if "standard_deviation" in row:
        return number(row["standard_deviation"], decimals)
    if pd.isna(row["lower"]):
        return number(np.nan)
    ends = {end: number(row[end], decimals) for end in ("lower", "upper")}
    return words(language)["ends"].format(**ends)
