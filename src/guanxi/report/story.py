"""One customer's story in words: who they are, what they are worth, whether it will last, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from guanxi.periods import add_days
from guanxi.report.waterfall import _strongest
from guanxi.report.words import words
from guanxi.served.texts import Language, number, percent, signed

_BARELY = 1e-9  # log odds; for smaller differences from the average the derivative is used


@dataclass(frozen=True)
class Story:
    """What is known and predicted about one customer.

    Attributes
    ----------
    customer_id : str
    scores : pandas.Series
        Their row of the prediction table.
    purchases : pandas.DataFrame or None
        ``date`` and ``amount`` of each purchase day; None if only attributes are known.
    interval : float
        Level of the interval of their value (0 to 1).
    base : float
        Mean log odds of churn over customers (not the log odds of the mean probability), calibrated like the
        shown probability.
    effects : pandas.Series
        Effect of each driver on the log odds of churn, also calibrated: with ``base`` they add up to the log
        odds of the shown probability.
    texts : mapping of str to str
        Text of each driver that has an effect.
    slope, level : float
        The calibration: an effect is ``slope`` times that of the prediction table; ``base`` includes
        ``level``.
    language : {"en", "zh"}
    contract : pandas.Series or None
        Features of a customer under contract, whose drivers are those of leaving at the next renewal.
    """

    customer_id: str
    scores: pd.Series[Any]
    purchases: pd.DataFrame | None
    interval: float
    base: float
    effects: pd.Series[float]
    texts: Mapping[str, str]
    slope: float
    level: float
    language: Language
    contract: pd.Series[Any] | None = None

    @property
    def log_odds(self) -> float:
        """Log odds of the shown churn probability."""
        return self.base + float(self.effects.sum())

    def points(self) -> pd.Series[float]:
        """Effect of each driver in percentage points of churn probability.

        These are Aumann-Shapley values: along the straight line from the average log odds to this customer's,
        each driver is credited with its share of the change in probability. The points add up to the
        difference between the two probabilities, keep the signs and order of the effects, and do not depend
        on the order of the drivers.

        References
        ----------
        Aumann, R. J. and Shapley, L. S. (1974), Values of Non-Atomic Games, Princeton University Press.
        """
        points = probability_points(np.array([self.base]), self.effects.to_numpy(dtype=np.float64)[None, :])
        return pd.Series(points[0], self.effects.index)


def probability_points(base: NDArray[Any], effects: NDArray[Any]) -> NDArray[np.float64]:
    """Percentage points of probability of each driver, shape (n, drivers): see :meth:`Story.points`.

    Parameters
    ----------
    base : array of shape (n,)
        Log odds of the average customer.
    effects : array of shape (n, drivers)
        Effects on the log odds.
    """
    way = effects.sum(axis=1)
    here, average = expit(base + way), expit(base)
    near = np.abs(way) < _BARELY
    share = np.where(near, here * (1.0 - here), (here - average) / np.where(near, 1.0, way))
    return np.asarray(100.0 * share[:, None] * effects)


def title(story: Story) -> str:
    """Return the title of the picture: the customer and, for transactions, the forecast window.

    It has no words, since those of the picture may be English if a font is missing.
    """
    if story.purchases is None:
        return story.customer_id
    as_of, days = story.scores["as_of"], int(story.scores["horizon_days"])
    return f"{story.customer_id}\n{add_days(as_of, 1)} – {add_days(as_of, days)}"


def text(story: Story) -> str:
    """Format a story for a terminal."""
    t = words(story.language)
    heading = t["story_title"].format(id=story.customer_id, version=story.scores["model_version"])
    bought = story.purchases
    sections = [
        [heading],
        *([] if bought is None else [_who(story.scores, bought, t), _worth(story, t)]),
        *([] if story.contract is None else [_contract(story, story.contract, t), _worth(story, t)]),
        _lasts(story, t),
        [t["story_why"], *(f"  {line}" for line in _why(story, t))],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections).replace("\u00a0", " ")


def _who(scores: pd.Series[Any], purchases: pd.DataFrame, t: Mapping[str, str]) -> list[str]:
    last = purchases["date"].max()
    count = number(scores["frequency"] + 1)
    ago = number((pd.Timestamp(scores["as_of"]) - pd.Timestamp(last)).days)
    return [
        t["story_who"].format(as_of=scores["as_of"]),
        "  " + t["story_since"].format(since=_day(purchases["date"].min())),
        "  " + t["story_purchases"].format(purchases=count, last=_day(last), ago=ago),
        "  " + t["story_spend"].format(spend=number(purchases["amount"].sum(min_count=1), 2)),
    ]


def _contract(story: Story, contract: pd.Series[Any], t: Mapping[str, str]) -> list[str]:
    amount, plan = contract.get("amount"), contract.get("plan")
    return [
        t["story_who"].format(as_of=story.scores["as_of"]),
        "  "
        + t["story_contract_since"].format(
            since=_day(contract["start"]), renewals=number(contract["renewals"])
        ),
        *([] if pd.isna(plan) else ["  " + t["story_plan"].format(plan=plan)]),
        *([] if pd.isna(amount) else ["  " + t["story_amount"].format(amount=number(amount, 2))]),
    ]


def _worth(story: Story, t: Mapping[str, str]) -> list[str]:
    scores = story.scores
    days = int(scores["horizon_days"])
    lower, upper = (number(scores[f"clv_{end}"], 2) for end in ("lower", "upper"))
    value = t["story_value"].format(
        value=number(scores["clv"], 2), level=percent(story.interval), lower=lower, upper=upper
    )
    if story.contract is None:
        expected = [
            t["story_expected_purchases"].format(value=number(scores["expected_purchases"], 2)),
            t["story_expected_spend"].format(value=number(scores["expected_spend"], 2)),
        ]
    else:
        expected = [
            t["story_remaining"].format(months=number(scores["expected_remaining_months"], 1)),
            t["story_mrr"].format(value=number(scores["mrr_expected"], 2)),
        ]
    heading = t["story_worth"].format(days=number(days), end=add_days(scores["as_of"], days))
    return [heading, *(f"  {each}" for each in (*expected, value))]


def _lasts(story: Story, t: Mapping[str, str]) -> list[str]:
    churn = percent(story.scores["churn_probability"], 1)
    if story.contract is not None:
        within = t["story_left_within"].format(days=story.scores["horizon_days"], value=churn)
        at_renewal = percent(1.0 - story.scores["renewal_probability"], 1)
        probability = f"{within}\n  {t['story_next_renewal'].format(value=at_renewal)}"
    elif story.purchases is None:
        probability = t["story_churn"].format(value=churn)
    else:
        probability = t["story_churn_within"].format(days=story.scores["horizon_days"], value=churn)
    average = t["story_average"].format(value=percent(float(expit(story.base)), 1))
    return [t["story_lasts"], f"  {probability}", f"  {average}"]


def _why(story: Story, t: Mapping[str, str]) -> Iterator[str]:
    named, summed = _strongest(story.effects)
    points = story.points()
    for driver, effect in named.items():
        yield _line(effect, points[str(driver)], story.texts.get(str(driver)) or str(driver))
    if len(summed):
        others = t["other_drivers"].format(count=len(summed))
        yield _line(float(summed.sum()), float(points[summed.index].sum()), others)
    yield t["story_sum"].format(
        base=signed(story.base),
        sum=signed(float(story.effects.sum())),
        log_odds=signed(story.log_odds),
        value=percent(_explained(story.scores), 1),
    )
    scale = {"slope": number(story.slope, 3), "level": signed(story.level, 3)}
    if scale != {"slope": number(1.0, 3), "level": signed(0.0, 3)}:
        yield t["story_scale" if story.contract is None else "story_month"].format(**scale)


def _explained(scores: pd.Series[Any]) -> float:
    """Probability that the drivers explain: with a contract that of leaving at the next renewal."""
    if "renewal_probability" in scores:
        return 1.0 - float(scores["renewal_probability"])
    return float(scores["churn_probability"])


def _line(effect: float, points: float, label: str) -> str:
    arrow = "▲" if effect > 0 else "▼"
    return f"{arrow} {signed(effect):>6} {signed(points, 1):>6}  {label}"


def _day(day: Any) -> str:
    return pd.Timestamp(day).date().isoformat()
