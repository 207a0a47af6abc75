"""Naive forecasts that a model must beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.served.ordering import first_lowest

Floats = NDArray[np.float64]

PAST_RATE = "naive (own past rate)"
LAST_WINDOW = "naive (last window repeated)"
SILENCE = "naive (silent for w days)"
RFM_LOGISTIC = "naive (RFM logistic)"
BASELINES = (PAST_RATE, LAST_WINDOW, SILENCE, RFM_LOGISTIC)
_RFM = ("frequency", "recency", "T", "monetary_value")
_CERTAIN = 0.01  # bounds the churn probability: a forecast of 0 purchases would make churn certain


def baseline_forecasts(
    past: pd.DataFrame | None, now: pd.DataFrame, last: pd.DataFrame, window_days: int, horizon_days: int
) -> dict[str, pd.DataFrame]:
    """Make every naive forecast that the history allows, by name, in the order of ``BASELINES``.

    Each is a table with one row per row of ``now`` and the columns ``purchases, spend, churn_probability``,
    or only the last. If the earlier window and the horizon differ in length, probabilities are rescaled as in
    a Poisson process: P(no purchase) to the power ``horizon_days / window_days``.

    ``past`` is an earlier snapshot with outcomes (:func:`guanxi.features.snapshots.snapshot`), whose window
    of ``window_days`` ends no later than the cutoff. Without it, or if all or none of its customers churned,
    the two methods fitted to it are omitted. ``now`` has the features at the cutoff, ``last`` the
    ``customer_id, purchases, spend`` of customers who bought in the ``horizon_days`` up to it.

    Examples
    --------
    >>> now = pd.DataFrame({"customer_id": ["a"], "frequency": 4.0, "T": 100.0, "monetary_value": 25.0})
    >>> last = pd.DataFrame({"customer_id": ["a"], "purchases": 1, "spend": 30.0})
    >>> found = baseline_forecasts(None, now, last, window_days=50, horizon_days=50)
    >>> {name: float(forecast["spend"].iloc[0]) for name, forecast in found.items()}
    {'naive (own past rate)': 50.0, 'naive (last window repeated)': 30.0}
    """
    found = {PAST_RATE: own_past_rate(now, horizon_days), LAST_WINDOW: last_window_repeated(now, last)}
    if past is not None and past["churned"].nunique() == 2:
        for name, method in ((SILENCE, silence_rule), (RFM_LOGISTIC, rfm_logistic)):
            found[name] = method(past, now) ** (horizon_days / window_days)
    return found


def own_past_rate(features: pd.DataFrame, horizon_days: int) -> pd.DataFrame:
    """Extrapolate each customer's past purchase rate and mean amount over the horizon.

    The rate is the number of repeat purchases per day since the first purchase (0 without either).
    """
    days = features["T"].to_numpy()
    rate = np.divide(features["frequency"].to_numpy(), days, out=np.zeros(len(days)), where=days > 0)
    purchases = rate * horizon_days
    return _with_churn(features.index, purchases, purchases * features["monetary_value"].to_numpy())


def last_window_repeated(features: pd.DataFrame, last: pd.DataFrame) -> pd.DataFrame:
    """Repeat the purchases and spend of the window of equal length before the cutoff, first ones included."""
    found = last.set_index("customer_id")[["purchases", "spend"]].reindex(features["customer_id"])
    purchases, spend = found.fillna(0.0).to_numpy(dtype=np.float64).T
    return _with_churn(features.index, purchases, spend)


def silence_rule(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Predict churn by whether the last purchase is at least w days old, w estimated on an earlier window.

    The chosen w gives its two groups the lowest log loss. Each group's probability is its observed share of
    churners, with half a churner and half a stayer added so that neither is certain.

    Examples
    --------
    >>> past = pd.DataFrame({"T": [9.0] * 6, "recency": [9, 8, 7, 2, 1, 0], "churned": [0, 0, 0, 1, 1, 1]})
    >>> now = pd.DataFrame({"T": [20.0, 20.0], "recency": [18.0, 13.0]})
    >>> silence_rule(past, now)["churn_probability"].tolist()
    [0.125, 0.875]
    """
    silence = (past["T"] - past["recency"]).to_numpy()
    order = np.argsort(silence, kind="stable")
    ordered, churned = silence[order], past["churned"].to_numpy()[order]
    # Candidate cuts: the first row of each distinct silence. A cut at row 0 puts everyone in one group.
    cuts = np.flatnonzero(np.append(True, ordered[1:] > ordered[:-1]))
    churners = np.append(0.0, np.cumsum(churned))
    below, above = churners[cuts], churners[-1] - churners[cuts]
    loss = _group_loss(below, cuts) + _group_loss(above, len(ordered) - cuts)
    best = first_lowest(loss)
    shares = _share(below[best], cuts[best]), _share(above[best], len(ordered) - cuts[best])
    silent = (now["T"] - now["recency"]).to_numpy() >= ordered[cuts[best]]
    return pd.DataFrame({"churn_probability": np.where(silent, shares[1], shares[0])}, index=now.index)


def rfm_logistic(past: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Predict churn by a logistic regression on the log RFM quantities, fitted to an earlier window.

    ``log1p`` of frequency, days since the last purchase, T and monetary value, standardised, with
    scikit-learn's default ridge penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(_logarithms(past), past["churned"].to_numpy())
    return pd.DataFrame({"churn_probability": model.predict_proba(_logarithms(now))[:, 1]}, index=now.index)


def _with_churn(index: pd.Index[Any], purchases: Floats, spend: Floats) -> pd.DataFrame:
    """Add the probability of no purchase in a Poisson process, clipped to 1 to 99 %."""
    churn = np.clip(np.exp(-purchases), _CERTAIN, 1.0 - _CERTAIN)
    return pd.DataFrame({"purchases": purchases, "spend": spend, "churn_probability": churn}, index=index)


def _share(churners: ArrayLike, customers: ArrayLike) -> Floats:
    return np.asarray((np.asarray(churners) + 0.5) / (np.asarray(customers) + 1.0))


def _group_loss(churners: Floats, customers: NDArray[np.intp]) -> Floats:
    share = _share(churners, customers)
    return np.asarray(-(churners * np.log(share) + (customers - churners) * np.log1p(-share)))


def _logarithms(table: pd.DataFrame) -> Floats:
    frequency, recency, T, value = (table[name].to_numpy(dtype=np.float64) for name in _RFM)
    columns = np.column_stack([frequency, T - recency, T, value])
    return np.asarray(np.log1p(columns[:, ~np.isnan(columns).all(axis=0)]))  # unknown: amounts
