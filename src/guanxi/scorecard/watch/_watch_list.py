"""The watch list: customers who moved a tier, who will, or who are leaving, with reasons and value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.scorecard.scoring._scores import Scorecard
from guanxi.scorecard.scoring._tiers import TIERS
from guanxi.scorecard.watch._move_probability import LIKELY
from guanxi.scorecard.watch._score_changes import (
    REASONS,
    declining_since,
    expected_changes,
    point_changes,
    strongest_move,
    strongest_reasons,
)
from guanxi.served.ordering import falling

Floats = NDArray[np.float64]

MOVEMENTS = ("fell", "will_fall", "leaving", "rose", "will_rise")
_DOWN = MOVEMENTS[:3]
CHANGE, LEVEL = "change", "level"
UNUSUAL = 0.1  # share of comparable customers who moved as far
_AT_ONCE = 50_000
_MUCH = 0.5  # points: what one indicator has to have moved to be the reason
_OF_CUSTOMERS = (
    "customer_id", "tier", "score", "clv", "churn_probability", "value_at_risk", "lifecycle_stage",
)  # fmt: skip
_DECLINING = ("declining", "lost")
_COLUMNS = (
    "customer_id", "movement", "tier_before", "tier", "since", "score_before", "score", "change",
    "change_expected", "share_as_far", "clear", "fall_probability", "rise_probability",
    *(f"why_{place + 1}" for place in range(REASONS)), "reason", "clv", "churn_probability", "value_at_risk",
    "value_change", "last_purchase",
)  # fmt: skip


def watch_list(
    customers: pd.DataFrame,
    cards: Mapping[date, pd.DataFrame],
    probabilities: pd.DataFrame | None,
    values: pd.DataFrame | None,
    labels: Mapping[str, str],
    card: Scorecard,
    *,
    contracts: bool = False,
) -> pd.DataFrame:
    """List the customers to watch.

    Parameters
    ----------
    customers : pandas.DataFrame
        The scorecard's table.
    cards : mapping of datetime.date to pandas.DataFrame
        Scores of earlier days and, last, of the present one in the order of the customers; the present one
        alone without a history.
    probabilities : pandas.DataFrame or None
        ``fall_probability, rise_probability`` in the same order.
    values : pandas.DataFrame or None
        From :func:`guanxi.scorecard.transitions._tier_chain.value_steps`, in the same order.
    labels : mapping of str to str
        Labels of the indicators.
    card : Scorecard
        Of the present day. Reasons are points relative to its mean customer: an indicator that is the same
        for all is no reason, though its points are more where others are unknown.
    contracts : bool
        Customers under contract pay until they leave: no silence announces it.

    Returns
    -------
    pandas.DataFrame
        One row per customer: ``movement`` (fell, rose: since the period before; will_fall, will_rise: more
        likely than not by the next period; leaving: above the lowest tier, but with a churn probability
        above 50 % and, where purchases tell the stage of the relationship, in a declining or lost one);
        ``tier_before, tier``; ``since`` (from when the score moved that way without interruption);
        ``score_before, score, change, change_expected``
        (of customers with the same earlier score)``, share_as_far`` (of customers who moved that far,
        relative to what was to be expected)``, clear`` (at most 10 %); ``fall_probability,
        rise_probability``; ``why_1`` to ``why_3`` with ``reason`` (change: since the period before, level:
        against the mean of the tier); ``clv, churn_probability, value_at_risk``; ``value_change`` (of the
        coming year, by the move, or by the expected one times its probability)``, last_purchase``. By
        movement, most value first.
    """
    earlier = list(cards.values())[:-1]
    table = _with_changes(customers, list(cards), earlier)
    names = ("fall_probability", "rise_probability")
    for name in names:
        table[name] = np.nan if probabilities is None else probabilities[name].to_numpy()
    table["movement"] = _movements(table, contracts)
    table["value_change"] = _value_changes(table, values)
    rows = table["movement"].notna().to_numpy()
    listed = table[rows].copy()
    listed["last_purchase"] = (
        None if contracts else _last_purchases(customers.reindex(columns=["as_of", "T", "recency"])[rows])
    )
    direction = np.where(listed["movement"].isin(_DOWN), -1.0, 1.0)
    along = direction * (listed["change"] - listed["change_expected"]) > 0
    listed["clear"] = along & (listed["share_as_far"] <= UNUSUAL)
    listed["since"] = _since(listed, cards, direction)
    reasons = _reasons(card, earlier[-1] if earlier else None, rows, direction, labels)
    listed = pd.concat([listed, reasons.set_index(listed.index)], axis=1)
    return _ordered(listed.reindex(columns=list(_COLUMNS)))


def _with_changes(customers: pd.DataFrame, days: list[date], earlier: list[pd.DataFrame]) -> pd.DataFrame:
    table = customers.reindex(columns=list(_OF_CUSTOMERS)).reset_index(drop=True)
    before = earlier[-1] if earlier else pd.DataFrame(columns=["customer_id", "tier", "score"])
    then = before.set_index("customer_id")[["tier", "score"]].reindex(table["customer_id"])
    table["tier_before"] = then["tier"].to_numpy(dtype=object)
    table["score_before"] = then["score"].to_numpy(dtype=np.float64)
    table["change"] = table["score"] - table["score_before"]
    expected, share = expected_changes(table["score_before"].to_numpy(), table["change"].to_numpy())
    table["change_expected"], table["share_as_far"] = expected, share
    return table


def _place(tiers: pd.Series[Any]) -> pd.Series[float]:
    return tiers.map({tier: float(place) for place, tier in enumerate(TIERS)}).astype(float)


def _movements(table: pd.DataFrame, contracts: bool) -> pd.Series[Any]:
    before, now = _place(table["tier_before"]), _place(table["tier"])
    holds = {
        "fell": now > before,
        "rose": now < before,
        "will_fall": table["fall_probability"] > LIKELY,
        "leaving": leaving(table, contracts),
        "will_rise": table["rise_probability"] > LIKELY,
    }
    found = np.select(list(holds.values()), list(holds), default="")
    return pd.Series(found, index=table.index, dtype=object).where(found != "", None)


def leaving(customers: pd.DataFrame, contracts: bool = False) -> pd.Series[bool]:
    """Who is above the lowest tier and will probably leave, declining where purchases tell the stage."""
    stage = customers.get("lifecycle_stage", pd.Series(None, index=customers.index, dtype=object))
    declining = stage.isin(_DECLINING) | stage.isna() | contracts
    upper = _place(customers["tier"]) < len(TIERS) - 1
    return upper & declining & (customers["churn_probability"].astype(float) > LIKELY)


def _value_changes(table: pd.DataFrame, values: pd.DataFrame | None) -> Floats:
    """Value the move that happened for the coming year, or the next one times its probability."""
    if values is None:
        return np.full(len(table), np.nan)
    changes = {
        "fell": values["now"] - values["stayed"],
        "rose": values["now"] - values["stayed"],
        "will_fall": table["fall_probability"] * (values["below"] - values["now"]),
        "will_rise": table["rise_probability"] * (values["above"] - values["now"]),
    }
    return np.asarray(
        np.select([table["movement"] == name for name in changes], list(changes.values()), np.nan)
    )


def _last_purchases(customers: pd.DataFrame) -> list[str | None]:
    if customers.isna().all(axis=None):
        return [None] * len(customers)
    silence = (customers["T"] - customers["recency"]).round()
    days = pd.to_datetime(customers["as_of"]) - pd.to_timedelta(silence, unit="D")
    told = np.datetime_as_string(days.to_numpy().astype("datetime64[D]"))
    return [None if missing else str(day) for day, missing in zip(told, days.isna(), strict=True)]


def _since(listed: pd.DataFrame, cards: Mapping[date, pd.DataFrame], direction: Floats) -> list[str | None]:
    """Find the first day of the uninterrupted move of the score; the day before, if only the tier moved."""
    days = list(cards)
    if len(days) < 2:
        return [None] * len(listed)
    scores = pd.DataFrame(
        {
            day.isoformat(): card.set_index("customer_id")["score"].reindex(listed["customer_id"]).to_numpy()
            for day, card in cards.items()
        }
    )
    moved = declining_since(scores.mul(-direction, axis=0))
    known = listed["movement"].isin(["fell", "rose"]).to_numpy()
    return [
        day if day is not None else (days[-2].isoformat() if tier_moved else None)
        for day, tier_moved in zip(moved, known, strict=True)
    ]


def _reasons(
    card: Scorecard,
    before: pd.DataFrame | None,
    rows: NDArray[np.bool_],
    direction: Floats,
    labels: Mapping[str, str],
) -> pd.DataFrame:
    """Name the indicators that changed, or, if none did much, those that differ from the tier's mean."""
    means, places = _tier_means(card), np.flatnonzero(rows)
    starts = range(0, max(len(places), 1), _AT_ONCE)  # hundreds of thousands need no second table either
    parts = [
        _some_reasons(
            card, means, before, places[start : start + _AT_ONCE], labels, direction[start : start + _AT_ONCE]
        )
        for start in starts
    ]
    return pd.concat(parts, ignore_index=True)


def _some_reasons(
    card: Scorecard,
    means: pd.DataFrame,
    before: pd.DataFrame | None,
    places: NDArray[np.intp],
    labels: Mapping[str, str],
    direction: Floats,
) -> pd.DataFrame:
    columns = ["customer_id", "tier", *(f"{name}_points" for name in card.weights)]
    listed = card.table.iloc[places][columns]
    points = card.relative_points(listed)
    levels = points[list(card.weights)].fillna(0.0) - means.reindex(listed["tier"]).to_numpy()
    if before is None:
        return strongest_reasons(levels, direction, labels).assign(reason=LEVEL)
    then = before[before["customer_id"].isin(listed["customer_id"])]
    changes = point_changes(card.relative_points(then), points)
    known = points["customer_id"].isin(then["customer_id"]).to_numpy()
    changed = known & (strongest_move(changes, direction) >= _MUCH)
    mixed = changes.where(pd.Series(changed), levels)
    return strongest_reasons(mixed, direction, labels).assign(reason=np.where(changed, CHANGE, LEVEL))


def _tier_means(card: Scorecard) -> pd.DataFrame:
    """Mean relative points of each tier (rows); unknown ones count as 0."""
    tiers = card.table["tier"].reset_index(drop=True)
    sums, start = [], 0
    for block in card.relative_blocks():  # a million customers need no second table
        points = pd.DataFrame(np.nan_to_num(block), columns=list(card.weights))
        sums.append(points.groupby(tiers[start : start + len(block)].to_numpy(dtype=object)).sum())
        start += len(block)
    return pd.concat(sums).groupby(level=0).sum().div(tiers.value_counts(), axis=0)


def _ordered(listed: pd.DataFrame) -> pd.DataFrame:
    parts = []
    for movement in MOVEMENTS:
        rows = listed[listed["movement"] == movement]
        value = rows["value_at_risk"] if movement in _DOWN else rows["clv"]
        parts.append(rows.iloc[falling(value.fillna(-np.inf))])
    return pd.concat(parts, ignore_index=True)
