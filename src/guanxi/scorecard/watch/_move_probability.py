"""The probability that a customer falls or rises a tier by the next period.

The tier alone says too little: a customer just above a cut point falls more often than one far above it, and
one who has just risen more often than one who stayed (regression to the mean). So each direction has a
logistic regression on the position within the tier, the scores of the branches and the last change, learnt
from the periods observed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.scorecard.scoring._tiers import TIERS

Floats = NDArray[np.float64]
Direction = Literal["fall", "rise"]

DIRECTIONS: tuple[Direction, ...] = ("fall", "rise")
LIKELY = 0.5
# Tiers that can be left in each direction.
LEAVING: Mapping[Direction, tuple[str, ...]] = {"fall": TIERS[:-1], "rise": TIERS[1:]}
_MOST_EXAMPLES, _MOST_OF_A_PERIOD = 50_000, 200_000  # more take time without adding precision
_AT_ONCE = 100_000
_FEWEST_EVENTS = 20
_FOLDS = 5


@dataclass(frozen=True)
class MoveProbabilities:
    """Probabilities of moving by the next period.

    Attributes
    ----------
    table : pandas.DataFrame
        By customer of the present day, in its order: ``fall_probability, rise_probability`` (0 to 1; 0 where
        there is no tier to move to; NaN without a tier).
    check : pandas.DataFrame
        By direction, on customers that were not learnt from: ``customers, moved`` and ``expected`` (shares),
        ``auc``, ``brier_skill`` (1 - Brier score / that of the tier's own rate), ``listed`` (more likely than
        not to move) and ``listed_moved`` (the share of these who did).
    """

    table: pd.DataFrame = field(repr=False)
    check: pd.DataFrame = field(repr=False)


def move_probabilities(
    cards: Mapping[date, pd.DataFrame], positions: Mapping[date, Floats]
) -> MoveProbabilities:
    """Learn from earlier days how customers move, and apply it to the present day.

    Parameters
    ----------
    cards : mapping of datetime.date to pandas.DataFrame
        From the earliest to the present day, at least two: ``customer_id, score, tier`` and branch scores.
    positions : mapping of datetime.date to array
        What the tiers are cut on, in the order of the cards.
    """
    days = list(cards)
    branches = [name for name in cards[days[-1]].columns if name.endswith("_score")]
    examples = []
    for place, (day, after) in enumerate(pairwise(days)):
        kept = _evenly(positions[day], _MOST_OF_A_PERIOD)
        example = _starts(cards, positions, days, place, kept)
        example["after"] = _of(cards[after], "tier", example.index)
        examples.append(example.dropna(subset=["tier", "after"]))
    now = _starts(cards, positions, days, len(days) - 1)
    table, checks = pd.DataFrame(index=now.index), []
    for direction in DIRECTIONS:
        rows = now["tier"].isin(LEAVING[direction])
        found = pd.Series(np.where(now["tier"].notna(), 0.0, np.nan), index=now.index)
        found[rows] = _learn(examples, direction, branches)(now[rows])
        table[f"{direction}_probability"] = found
        checks.append(_check(examples, direction, branches))
    return MoveProbabilities(table.reset_index(drop=True), pd.DataFrame(checks))


def _starts(
    cards: Mapping[date, pd.DataFrame],
    positions: Mapping[date, Floats],
    days: Sequence[date],
    place: int,
    kept: NDArray[np.int64] | slice = slice(None),
) -> pd.DataFrame:
    """Describe customers at the start of a period, with the change of their score since the day before."""
    card = cards[days[place]]
    branches = [name for name in card.columns if name.endswith("_score")]
    table = card[["customer_id", "tier", "score", *branches]].iloc[kept]
    table = table.assign(position=positions[days[place]][kept]).set_index("customer_id")
    earlier = _of(cards[days[place - 1]], "score", table.index) if place else np.nan
    return table.assign(change=table["score"] - earlier)


def _of(card: pd.DataFrame, column: str, customers: pd.Index[Any]) -> NDArray[Any]:
    """Values of a column for customers; missing for those who are not on the card."""
    return pd.Series(card[column].to_numpy(), index=card["customer_id"]).reindex(customers).to_numpy()


def _moved(rows: pd.DataFrame, direction: Direction) -> NDArray[np.bool_]:
    places = {tier: place for place, tier in enumerate(TIERS)}
    before, after = (rows[name].map(places) for name in ("tier", "after"))
    return np.asarray(after > before if direction == "fall" else after < before)


def _design(rows: pd.DataFrame, direction: Direction, branches: Sequence[str], trend: bool) -> Floats:
    columns: list[Any] = []
    for tier in LEAVING[direction]:
        inside = (rows["tier"] == tier).to_numpy()
        columns += [inside, np.where(inside, rows["position"], 0.0)]
    columns += [rows[name].fillna(50.0) for name in branches]  # the middle of the scale
    columns += [rows["change"].fillna(0.0)] if trend else []
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _learn(examples: Sequence[pd.DataFrame], direction: Direction, branches: Sequence[str]) -> Any:
    """Return a function from customers to probabilities; with too few moves, the rate of the tier."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = pd.concat(examples)
    rows = rows[rows["tier"].isin(LEAVING[direction])]
    moved = _moved(rows, direction)
    if min(moved.sum(), (~moved).sum()) < _FEWEST_EVENTS:
        return lambda customers: _tier_rates(rows, moved)(customers)
    trend = bool(rows["change"].notna().mean() >= 0.5)
    kept = _evenly(rows["position"].to_numpy(), _MOST_EXAMPLES)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(_design(rows.iloc[kept], direction, branches, trend), moved[kept])

    def apply(customers: pd.DataFrame) -> Floats:
        if customers.empty:
            return np.empty(0)
        parts = [customers.iloc[start : start + _AT_ONCE] for start in range(0, len(customers), _AT_ONCE)]
        return np.concatenate(
            [model.predict_proba(_design(part, direction, branches, trend))[:, 1] for part in parts]
        )

    return apply


def _evenly(position: Floats, most: int) -> NDArray[np.int64]:
    """Rows to learn from: at most so many, evenly spaced by position."""
    order = np.argsort(position, kind="stable")
    places = np.linspace(0, len(order) - 1, min(len(order), most)).round().astype(np.int64)
    return np.asarray(np.sort(order[places]))


def _tier_rates(rows: pd.DataFrame, moved: NDArray[np.bool_]) -> Any:
    """Return a function from customers to the share of their tier that moved, one more counted each way."""
    rates = pd.Series(moved, index=rows["tier"].to_numpy()).groupby(level=0).agg(["sum", "size"])
    smoothed = ((rates["sum"] + 1.0) / (rates["size"] + 2.0)).to_dict()
    return lambda customers: customers["tier"].map(smoothed).fillna(0.5).to_numpy(dtype=np.float64)


def _check(examples: Sequence[pd.DataFrame], direction: Direction, branches: Sequence[str]) -> dict[str, Any]:
    """Compare with what happened: the last period from the earlier ones, or one fifth from the others."""
    if len(examples) > 1:
        splits = [(examples[:-1], examples[-1])]
    else:
        fold = np.arange(len(examples[0])) % _FOLDS
        splits = [([examples[0][fold != each]], examples[0][fold == each]) for each in range(_FOLDS)]
    parts = []
    for learnt, test in splits:
        rows = test[test["tier"].isin(LEAVING[direction])]
        before = pd.concat(learnt)
        before = before[before["tier"].isin(LEAVING[direction])]
        rate = _tier_rates(before, _moved(before, direction))(rows)
        probability = _learn(learnt, direction, branches)(rows)
        parts.append(pd.DataFrame({"moved": _moved(rows, direction), "p": probability, "rate": rate}))
    return {"direction": direction} | _skill(pd.concat(parts))


def _skill(tested: pd.DataFrame) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score

    moved, listed = tested["moved"], tested["p"] > LIKELY
    error, baseline = (((tested[name] - moved) ** 2).mean() for name in ("p", "rate"))
    return {
        "customers": len(tested),
        "moved": moved.mean(),
        "expected": tested["p"].mean(),
        "auc": roc_auc_score(moved, tested["p"]) if moved.nunique() == 2 else float("nan"),
        "brier_skill": 1.0 - error / baseline if baseline > 0 else float("nan"),
        "listed": int(listed.sum()),
        "listed_moved": moved[listed].mean() if listed.any() else float("nan"),
    }
