"""The two lists of customers, slipping away and to protect, for the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from guanxi.report.standing import OF_SILENCE
from guanxi.report.words import words
from guanxi.served.texts import MISSING, Language, decimals_for, number, percent

_SHOWN = 20
MOST_DRIVERS = 3
_LEAST_EFFECT = 0.05  # log odds; smaller effects are not shown


def listed(
    customers: pd.DataFrame, actions: pd.Series | None, language: Language, *, leaving: bool
) -> list[dict[str, Any]]:
    """Format the first customers of a list, each with drivers in words.

    Parameters
    ----------
    customers : pandas.DataFrame
        Rows of :func:`guanxi.report.standing.standing`, in the order of the list.
    actions : pandas.Series or None
        Action by index of the customers.
    language : {"en", "zh"}
    leaving : bool
        Whether only drivers that point to leaving are shown.
    """
    top = customers.head(_SHOWN)
    if top.empty:
        return []
    largest = float(np.nanmax([0.0, *top["total_value"], *top["clv_upper"]]))
    decimals = min(decimals_for(largest), 2)
    rows = [_customer(row, decimals, language, leaving) for row in top.to_dict("records")]
    if actions is not None:
        for row, action in zip(rows, actions.loc[top.index], strict=True):
            row["action"] = "" if pd.isna(action) else str(action)
    return rows


def _customer(row: dict[Any, Any], decimals: int, language: Language, leaving: bool) -> dict[str, Any]:
    t, probability = words(language), float(row["churn_probability"])
    gap = row["usual_gap"]
    every = t["orders_every"].format(purchases=number(row["purchases"]), gap=number(gap))
    return {
        "customer_id": str(row["customer_id"]),
        "past": number(row["past_value"], decimals),
        "value": number(row["clv"], decimals),
        "lower": number(row["clv_lower"], decimals),
        "upper": number(row["clv_upper"], decimals),
        "total": number(row["total_value"], decimals),
        "rhythm": t["orders_once"] if pd.isna(gap) else every,
        "silence": t["silence_day" if row["silence"] == 1 else "silence_days"].format(
            days=number(row["silence"])
        ),
        "churn": percent(probability),
        "churn_bar": 0 if np.isnan(probability) else round(probability * 100),
        "at_risk": number(row["value_at_risk"], decimals),
        "next_purchase": _day(row["next_purchase_date"]),
        "drivers": _why(row, language, leaving)[:MOST_DRIVERS],
        "action": "",
    }


def _why(row: dict[Any, Any], language: Language, leaving: bool) -> list[dict[str, str]]:
    """Drivers in words; of leaving only, the silence against the customer's own rhythm comes first.

    Drivers compare with the average customer, who in many businesses is silent too.
    """
    t, drivers = words(language), drivers_in_words(row, language)
    if not leaving:
        return drivers
    gap = row["usual_gap"]
    silent = t["silent_gaps"].format(gaps=number(row["silence"] / gap), gap=number(gap))
    others = [each for each in drivers if each["side"] == "raises" and each["driver"] not in OF_SILENCE]
    return [_told(silent, "silence", "raises", t), *others]


def _told(text: str, driver: str, side: str, t: Mapping[str, str]) -> dict[str, str]:
    sign = "▲" if side == "raises" else "▼"
    return {"text": text, "driver": driver, "sign": sign, "side": side, "meaning": t[side]}


def _day(day: Any) -> str:
    return MISSING if pd.isna(day) else str(day)[:10]


def drivers_in_words(row: dict[Any, Any], language: Language) -> list[dict[str, str]]:
    """Say what points to leaving or staying, in the order of the prediction table."""
    t, drivers, place = words(language), [], 1
    while f"driver_{place}_text" in row:
        text, effect = row[f"driver_{place}_text"], row[f"driver_{place}_effect"]
        if isinstance(text, str) and text and abs(effect) >= _LEAST_EFFECT:
            side = "raises" if effect > 0 else "lowers"
            drivers.append(_told(text, str(row.get(f"driver_{place}")), side, t))
        place += 1
    return drivers
