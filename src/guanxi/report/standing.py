"""Where each customer stands: what was spent, the former rhythm, and whether to win back or protect."""

from __future__ import annotations

import numpy as np
import pandas as pd

_VALUABLE = 0.8  # by past spend: the top fifth
_FEWEST_PURCHASES = 3  # two gaps at least make a rhythm
_SILENT_GAPS = 3.0  # a silence of so many usual gaps is no longer chance
_RECENT_DAYS, _RECENT_HORIZONS = 365, 2
_LIKELY = 0.5
#: Drivers that say how long a customer has been silent.
OF_SILENCE = ("purchase_pattern", "rhythm")
_TOP = 0.1


def standing(predictions: pd.DataFrame, spent: pd.Series, margin: float, horizon_days: int) -> pd.DataFrame:
    """Add past and total value, rhythm, and the two lists to the prediction table.

    A customer is *slipping away* who belongs to the top fifth by past spend, bought three times or more, has
    been silent for three usual gaps or longer (but for no longer than a year or two horizons), and is more
    likely than not to stay away. To be *protected* is who belongs to the top tenth by expected value, is
    probably still active, and is not slipping away.

    Parameters
    ----------
    predictions : pandas.DataFrame
        The prediction table.
    spent : pandas.Series
        Amount to date, in the order of the predictions; NaN where it is unknown.
    margin : float
        Margin as a share of spend, where the table has no column ``margin_rate``.
    horizon_days : int

    Returns
    -------
    pandas.DataFrame
        The predictions with ``purchases`` (count), ``usual_gap`` (mean days between purchases; NaN for one
        purchase), ``silence`` (days since the last purchase), ``spent``, ``past_value`` (its margin),
        ``total_value`` (past and expected), ``slipping`` and ``protect`` (true or false).

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "frequency": [41, 5], "recency": [460, 100], "T": [735, 110], "clv": [100.0, 900.0],
    ...     "probability_alive": [0.01, 0.99], "churn_probability": [0.96, 0.1]})
    >>> found = standing(table, pd.Series([54074.0, 2000.0]), 1.0, 182)
    >>> found[["purchases", "usual_gap", "silence", "slipping", "protect"]].round(1).values.tolist()
    [[42, 11.2, 275, True, False], [6, 20.0, 10, False, True]]
    """
    frequency = predictions["frequency"].to_numpy(dtype=float)
    recency = predictions["recency"].to_numpy(dtype=float)
    gap = np.divide(recency, frequency, out=np.full(len(frequency), np.nan), where=frequency > 0)
    rate = predictions.get("margin_rate", margin)
    table = predictions.assign(
        purchases=predictions["frequency"] + 1,
        usual_gap=gap,
        silence=predictions["T"] - predictions["recency"],
        spent=spent.to_numpy(dtype=float),
    )
    table["past_value"] = table["spent"] * rate
    table["total_value"] = table["past_value"] + table["clv"]
    table["slipping"] = _slipping(table, horizon_days)
    table["protect"] = _protect(table)
    return table


def longest_silence(horizon_days: int) -> int:
    """Days of silence after which a customer is gone, no longer slipping away."""
    return max(_RECENT_DAYS, _RECENT_HORIZONS * horizon_days)


def _slipping(table: pd.DataFrame, horizon_days: int) -> pd.Series:
    valuable = table["spent"] >= table["spent"].quantile(_VALUABLE)
    rhythm = table["purchases"] >= _FEWEST_PURCHASES
    silent = (table["silence"] >= _SILENT_GAPS * table["usual_gap"]) & (
        table["silence"] <= longest_silence(horizon_days)
    )
    return valuable & rhythm & silent & (table["churn_probability"] > _LIKELY)


def _protect(table: pd.DataFrame) -> pd.Series:
    valuable = (table["clv"] >= table["clv"].quantile(1.0 - _TOP)) & (table["clv"] > 0)
    return valuable & (table["probability_alive"] > _LIKELY) & ~table["slipping"]
