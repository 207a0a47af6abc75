"""One customer's story in words: who they are, what they are worth, whether it will last, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from scipy.special import expit

from guanxi.periods import add_days
from guanxi.report.waterfall import _strongest
from guanxi.report.words import words
from guanxi.served.texts import Language, number, percent, signed

_BARELY = 1e-9  # of the log odds: closer to the average customer than that, the slope stands for the chord


@dataclass(frozen=True)
class Story:
    """What is known and predicted of one customer.

    Attributes
    ----------
    customer_id : str
    scores : pandas.Series
        Their row of the prediction table.
    purchases : pandas.DataFrame or None
        ``date`` and ``amount`` of each day they bought on; None where only attributes are known.
    interval : float
        Level of the interval of their value (0 to 1).
    base : float
        Log odds of churn of the average customer (the mean of the log odds, which is not that of the
        probabilities), calibrated as the shown probability is.
    effects : pandas.Series
        Effect of each driver on the log odds of churn, calibrated too: with ``base`` they add up to the log
        odds of the shown probability.
    texts : mapping of str to str
        What to say of each driver that has an effect.
    slope, level : float
        The calibration: an effect is ``slope`` times that of the prediction table, and ``level`` is in the
        base.
    language : {"en", "zh"}
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

    @property
    def log_odds(self) -> float:
        """Log odds of the shown churn probability."""
        return self.base + float(self.effects.sum())

    def points(self) -> pd.Series[float]:
        """Effect of each driver in percentage points of churn probability.

        All log odds move together from the average customer's to this one's, and each driver is credited
        with its share of the way: the Aumann-Shapley value. So the points add up to the difference between
        the two probabilities, keep the effects' signs and order, and depend on no order of the drivers.

        References
        ----------
        Aumann, R. J. and Shapley, L. S. (1974), Values of Non-Atomic Games, Princeton University Press.
        """
        here, average = float(expit(self.log_odds)), float(expit(self.base))
        way = self.log_odds - self.base
        share = here * (1.0 - here) if abs(way) < _BARELY else (here - average) / way
        return 100.0 * share * self.effects


def title(story: Story) -> str:
    """Head the picture of a story with the customer and, where there is one, the window looked at.

    There are no words in it: the picture's own may be English where a font is missing.
    """
    if story.purchases is None:
        return story.customer_id
    as_of, days = story.scores["as_of"], int(story.scores["horizon_days"])
    return f"{story.customer_id}\n{add_days(as_of, 1)} – {add_days(as_of, days)}"


def text(story: Story) -> str:
    """Tell a story in lines for a terminal."""
    say = words(story.language)
    heading = say["story_title"].format(id=story.customer_id, version=story.scores["model_version"])
    bought = story.purchases
    sections = [
        [heading],
        *([] if bought is None else [_who(story.scores, bought, say), _worth(story, say)]),
        _lasts(story, say),
        [say["story_why"], *(f"  {line}" for line in _why(story, say))],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections).replace("\u00a0", " ")


def _who(scores: pd.Series[Any], purchases: pd.DataFrame, say: Mapping[str, str]) -> list[str]:
    last = purchases["date"].max()
    count = number(scores["frequency"] + 1)
    ago = number((pd.Timestamp(scores["as_of"]) - pd.Timestamp(last)).days)
    return [
        say["story_who"].format(as_of=scores["as_of"]),
        "  " + say["story_since"].format(since=_day(purchases["date"].min())),
        "  " + say["story_purchases"].format(purchases=count, last=_day(last), ago=ago),
        "  " + say["story_spend"].format(spend=number(purchases["amount"].sum(), 2)),
    ]


def _worth(story: Story, say: Mapping[str, str]) -> list[str]:
    scores = story.scores
    days = int(scores["horizon_days"])
    lower, upper = (number(scores[f"clv_{end}"], 2) for end in ("lower", "upper"))
    value = say["story_value"].format(
        value=number(scores["clv"], 2), level=percent(story.interval), lower=lower, upper=upper
    )
    return [
        say["story_worth"].format(days=number(days), end=add_days(scores["as_of"], days)),
        "  " + say["story_expected_purchases"].format(value=number(scores["expected_purchases"], 2)),
        "  " + say["story_expected_spend"].format(value=number(scores["expected_spend"], 2)),
        f"  {value}",
    ]


def _lasts(story: Story, say: Mapping[str, str]) -> list[str]:
    churn = percent(story.scores["churn_probability"], 1)
    if story.purchases is None:
        probability = say["story_churn"].format(value=churn)
    else:
        probability = say["story_churn_within"].format(days=story.scores["horizon_days"], value=churn)
    average = say["story_average"].format(value=percent(float(expit(story.base)), 1))
    return [say["story_lasts"], f"  {probability}", f"  {average}"]


def _why(story: Story, say: Mapping[str, str]) -> Iterator[str]:
    named, summed = _strongest(story.effects)
    points = story.points()
    for driver, effect in named.items():
        yield _line(effect, points[str(driver)], story.texts.get(str(driver)) or str(driver))
    if len(summed):
        others = say["other_drivers"].format(count=len(summed))
        yield _line(float(summed.sum()), float(points[summed.index].sum()), others)
    yield say["story_sum"].format(
        base=signed(story.base),
        sum=signed(float(story.effects.sum())),
        log_odds=signed(story.log_odds),
        value=percent(story.scores["churn_probability"], 1),
    )
    if (story.slope, story.level) != (1.0, 0.0):
        yield say["story_scale"].format(slope=number(story.slope, 3), level=signed(story.level, 3))


def _line(effect: float, points: float, said: str) -> str:
    arrow = "▲" if effect > 0 else "▼"
    return f"{arrow} {signed(effect):>6} {signed(points, 1):>6}  {said}"


def _day(day: Any) -> str:
    return pd.Timestamp(day).date().isoformat()
