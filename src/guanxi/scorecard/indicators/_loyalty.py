"""Loyalty: whether the customer comes back, and will."""

from __future__ import annotations

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series


def loyalty(inputs: Inputs) -> dict[str, Series[float]]:
    """Work out the indicators of loyalty."""
    frequency, age = inputs.prediction("frequency"), inputs.prediction("T")
    alive = inputs.prediction("probability_alive")
    return {
        "repeat_rate": frequency / (frequency + 1.0),
        "tenure_days": inputs.relation("acquired_days").fillna(age),
        # BG/NBD takes everyone for alive who has bought once: that is no knowledge.
        "probability_alive": alive.mask((frequency == 0) & (alive == 1.0)),
        "retention_probability": 1.0 - inputs.prediction("churn_probability"),
        "rhythm_kept": rhythm_kept(frequency, inputs.prediction("recency"), age),
    }


def rhythm_kept(frequency: Series[float], recency: Series[float], T: Series[float]) -> Series[float]:
    """Probability of a gap as long as the silence, judged by the customer's own earlier gaps.

    With exponential gaps and a scale-invariant prior on their rate, ``n`` gaps that add up to ``s`` days
    leave the next one longer than ``x`` with probability ``(s / (s + x)) ** n``: the rhythm of few gaps is
    taken less seriously than that of many.

    Parameters
    ----------
    frequency, recency, T : pandas.Series, shape (n,)
        Gaps; their sum, and the days from first purchase to cutoff.

    Returns
    -------
    pandas.Series, shape (n,)
        1: bought today; 0.5: one earlier gap, and silent for as long; NaN without a repeat purchase.

    References
    ----------
    Geisser, S. (1993), Predictive Inference: An Introduction, chapter 3.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"n": [1.0, 2.0, 0.0], "s": [30.0, 60.0, 0.0], "T": [60.0, 90.0, 9.0]})
    >>> rhythm_kept(table["n"], table["s"], table["T"]).round(3).tolist()
    [0.5, 0.444, nan]
    """
    kept = (recency / T) ** frequency
    return kept.where((frequency > 0) & (recency > 0))


INDICATORS = (
    Indicator(
        "repeat_rate", "loyalty", {"en": "Repeat rate", "zh": "复购率"},
        "frequency / (frequency + 1): share of the purchases that were repeats",
        "0–1", True, ("predictions",), "unknown",
        "Bendle, Farris, Pfeifer & Reibstein 2016, Marketing Metrics, 3rd ed.",
    ),
    Indicator(
        "tenure_days", "loyalty", {"en": "Tenure", "zh": "关系时长"},
        "days from acquired_on to the cutoff; without it T",
        "days", True, ("predictions",), "unknown",
        "Reinartz & Kumar 2003, J. Marketing 67(1)",
    ),
    Indicator(
        "probability_alive", "loyalty", {"en": "Probability alive", "zh": "存活概率"},
        "P(alive at the cutoff) of the purchase model",
        "0–1", True, ("predictions",), "unknown",
        "Schmittlein, Morrison & Colombo 1987, Management Science 33(1)",
    ),
    Indicator(
        "retention_probability", "loyalty", {"en": "Retention probability", "zh": "留存概率"},
        "1 − churn_probability: a purchase within the horizon",
        "0–1", True, ("predictions",), "unknown",
        "Neslin, Gupta, Kamakura, Lu & Mason 2006, J. Marketing Research 43(2)",
    ),
    Indicator(
        "rhythm_kept", "loyalty", {"en": "Own rhythm kept", "zh": "购买节奏保持度"},
        "(recency / T) ^ frequency: chance of so long a silence, by the customer's own gaps",
        "0–1", True, ("predictions",), "no repeat purchase: there is no rhythm yet",
        "predictive distribution of exponential gaps: Geisser 1993, Predictive Inference",
    ),
)  # fmt: skip
