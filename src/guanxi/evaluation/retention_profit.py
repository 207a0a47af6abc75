"""What a churn model is worth if the customers it ranks highest are made an offer to stay.

A customer of value v is contacted at cost f. A churner accepts an offer of cost d with probability a and then
stays; a stayer takes the offer anyway. Customers are contacted from the highest score down.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression
from scipy.special import betaincc

from guanxi.evaluation.metrics import _pair, _starts
from guanxi.params import OfferParams

Floats = NDArray[np.float64]


def expected_maximum_profit(
    actual: ArrayLike, predicted: ArrayLike, offer: OfferParams | None = None
) -> tuple[float, float]:
    """Return the expected maximum profit (EMPC) of a churn model, and the expected share to contact.

    The acceptance a of the offer follows a beta distribution, and for each a the share contacted is the best
    one (Verbraken, Verbeke & Baesens 2013, IEEE Transactions on Knowledge and Data Engineering 25(5)).
    Exact: the segments of the ROC curve's convex hull are the blocks of an isotonic regression of the
    label on the score (Fawcett & Niculescu-Mizil 2007). A block with churn rate p earns, per customer,
    ``p a (v - d) - p f - (1 - p) (d + f)`` and is contacted if that is positive, so its expectation is an
    incomplete moment of the distribution. Both cutoffs and profit are of the same customers, which flatters
    models measured on few of them.

    Parameters
    ----------
    actual, predicted : array, shape (n,)
        The label, 1 for churn, and any score that is higher for likelier churners.
    offer : OfferParams, optional
        Default: the paper's alpha 6, beta 14, value 200, offer 10, contact 1.

    Returns
    -------
    (float, float)
        Profit per customer (of all n) over contacting nobody, in the currency of ``offer``; share, 0 to 1.

    Raises
    ------
    DataError
        If shapes differ, there is no customer, or a value is not finite.

    Examples
    --------
    >>> profit, share = expected_maximum_profit([1, 0, 0, 0], [0.9, 0.2, 0.1, 0.1])
    >>> round(profit, 2), round(share, 2)
    (14.0, 0.25)
    """
    offer = offer or OfferParams()
    churn, weight = _hull(*_pair(actual, predicted))
    gain = churn * (offer.value - offer.incentive)
    cost = offer.contact + (1.0 - churn) * offer.incentive
    # A block that would not pay even if every churner accepted is never contacted.
    least = np.divide(cost, gain, out=np.ones_like(cost), where=gain > cost)
    contacted = betaincc(offer.alpha, offer.beta, least)
    accepted = offer.alpha / (offer.alpha + offer.beta) * betaincc(offer.alpha + 1.0, offer.beta, least)
    return float(weight @ (gain * accepted - cost * contacted)), float(weight @ contacted)


def maximum_profit(predicted: ArrayLike, gain: ArrayLike) -> tuple[float, float]:
    """Maximum profit if the costs of each customer are known, and the share of customers to contact.

    The best point of the cumulative gain from the highest score down; customers with the same score are
    contacted together.

    Parameters
    ----------
    predicted : array, shape (n,)
        Any score that is higher for likelier churners.
    gain : array, shape (n,)
        What contacting a customer earns over leaving them alone. With costs of the four outcomes of a
        prediction it is ``C_FN - C_TP`` for churners and ``C_TN - C_FP`` for others.

    Returns
    -------
    (float, float)
        Profit per customer (of all n) over contacting nobody, in the unit of ``gain``; share from 0 to 1.

    Raises
    ------
    DataError
        If shapes differ, there is no customer, or a value is not finite.

    Examples
    --------
    >>> maximum_profit([0.9, 0.6, 0.1], [60, -10, -10])
    (20.0, 0.3333333333333333)
    """
    earned, score = _pair(gain, predicted)
    earned, sizes = _by_score(earned, score)
    profit = np.append(0.0, np.cumsum(earned)) / len(score)
    best = int(np.argmax(profit))
    return float(profit[best]), float(sizes[:best].sum()) / len(score)


def measure_offer(
    actual: ArrayLike, predictions: Mapping[str, ArrayLike], offer: OfferParams
) -> pd.DataFrame:
    """EMPC and best share of several models: ``model, metric`` (``empc, empc_share``) and ``value``."""
    rows = [
        {"model": name, "metric": metric, "value": value}
        for name, predicted in predictions.items()
        for metric, value in zip(
            ("empc", "empc_share"), expected_maximum_profit(actual, predicted, offer), strict=True
        )
    ]
    return pd.DataFrame(rows)


def _by_score(values: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Totals of the values and numbers of customers with each score, highest first."""
    order = np.argsort(-score, kind="stable")
    starts = _starts(score[order])
    sizes = np.diff(np.append(starts, len(score))).astype(np.float64)
    return np.add.reduceat(values[order], starts), sizes


def _hull(actual: Floats, score: Floats) -> tuple[Floats, Floats]:
    """Churn rates and shares of customers of the segments of the ROC curve's convex hull."""
    churners, sizes = _by_score(actual, score)
    fitted = isotonic_regression(churners / sizes, weights=sizes, increasing=False)
    starts = fitted.blocks[:-1]
    return fitted.x[starts], np.add.reduceat(sizes, starts) / len(score)
