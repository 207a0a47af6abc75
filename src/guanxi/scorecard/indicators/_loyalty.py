"""Loyalty: past and expected repeat purchases."""

from __future__ import annotations

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series


def loyalty(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of loyalty."""
    frequency, age = inputs.prediction("frequency"), inputs.prediction("T")
    alive = inputs.prediction("probability_alive")
    return {
        "repeat_rate": frequency / (frequency + 1.0),
        "tenure_days": inputs.relation("acquired_days").fillna(age),
        # BG/NBD assumes that every customer with one purchase is alive: treat as unknown.
        "probability_alive": alive.mask((frequency == 0) & (alive == 1.0)),
        "retention_probability": 1.0 - inputs.prediction("churn_probability"),
        "rhythm_kept": rhythm_kept(frequency, inputs.prediction("recency"), age),
    }


def rhythm_kept(frequency: Series[float], recency: Series[float], T: Series[float]) -> Series[float]:
    """Predictive probability of a gap longer than the current silence, given the customer's own gaps.

    With exponential gaps and a scale-invariant prior on their rate, the gap after ``n`` gaps with sum ``s``
    days exceeds ``x`` days with probability ``(s / (s + x)) ** n``: the more gaps, the stronger the evidence.

    Parameters
    ----------
    frequency, recency, T : pandas.Series, shape (n,)
        Number of gaps; their sum; days from first purchase to cutoff.

    Returns
    -------
    pandas.Series, shape (n,)
        1: bought today; 0.5: one gap, and silent for as long; NaN without a repeat purchase.

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
        "repeat_rate", "loyalty",
        "frequency / (frequency + 1): share of repeat purchases",
        "0–1", "to_date", True, ("predictions",), "unknown",
        "Bendle, Farris, Pfeifer & Reibstein 2016, Marketing Metrics, 3rd ed.",
    ),
    Indicator(
        "tenure_days", "loyalty",
        "days from acquired_on to the cutoff; T if acquired_on is missing",
        "days", "at_cutoff", True, ("predictions",), "unknown",
        "Reinartz & Kumar 2003, J. Marketing 67(1)",
    ),
    Indicator(
        "probability_alive", "loyalty",
        "P(alive at the cutoff) of the purchase model",
        "0–1", "at_cutoff", True, ("predictions",), "unknown",
        "Schmittlein, Morrison & Colombo 1987, Management Science 33(1)",
    ),
    Indicator(
        "retention_probability", "loyalty",
        "1 − churn_probability: probability of a purchase within the horizon",
        "0–1", "horizon", True, ("predictions",), "unknown",
        "Neslin, Gupta, Kamakura, Lu & Mason 2006, J. Marketing Research 43(2)",
    ),
    Indicator(
        "rhythm_kept", "loyalty",
        "(recency / T) ^ frequency: probability of a gap that long, given the customer's own gaps",
        "0–1", "at_cutoff", True, ("predictions",), "no repeat purchase, so no rhythm yet",
        "predictive distribution of exponential gaps: Geisser 1993, Predictive Inference",
    ),
)  # fmt: skip
