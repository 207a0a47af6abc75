"""Simulated transaction logs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.errors import ParamsError
from guanxi.periods import parse_date
from guanxi.simulation._purchase_process import Params, amount_rates, draw_customers, repeat_purchases, start

_SECONDS_PER_DAY = 86400.0
_MOST_DAYS = 100_000  # later than 1677, where the times of pandas begin


def simulate_transactions(
    model: str,
    params: Params,
    spend_params: Params,
    n: int,
    T: ArrayLike,
    seed: int,
    cutoff: str = "2024-12-31",
) -> pd.DataFrame:
    """Purchases of n customers up to the end of the cutoff day, time in days.

    ``simulate_<model>`` summarises the same purchases for the same seed.

    Parameters
    ----------
    model : {"nbd", "bg_nbd", "mbg_nbd", "bg_cnbd", "mbg_cnbd", "pareto_nbd", "ggom_nbd"}
    params, spend_params : mapping
        Parameters of the model (in days), and p, q, v of Gamma-Gamma.
    n : int
        Number of customers.
    T : float or array, shape (n,)
        Days from first purchase to the cutoff.
    seed : int
        The same seed gives the same rows.
    cutoff : str
        The last day, ISO.

    Returns
    -------
    DataFrame
        ``customer_id`` (1 to n), ``timestamp``, ``amount``, ordered by customer and time.

    Raises
    ------
    ParamsError
        If the model is unknown, a parameter is missing, unknown or not above 0, or n, T, seed or the cutoff
        is invalid.

    Examples
    --------
    >>> params, spend = {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> list(simulate_transactions("bg_nbd", params, spend, n=3, T=200.0, seed=1).columns)
    ['customer_id', 'timestamp', 'amount']
    """
    generator = start(seed, n)
    last_day = parse_date(cutoff, what="cutoff")
    customers = draw_customers(generator, model, params, n, T)
    if customers.T.max(initial=0.0) > _MOST_DAYS:
        raise ParamsError(f"T is up to {customers.T.max():g} days: give at most {_MOST_DAYS:,}")
    rounds = [(np.arange(n), np.zeros(n))]
    rounds += [(buyers, time) for buyers, time, _ in repeat_purchases(generator, customers)]
    customer, since_first = (np.concatenate(column) for column in zip(*rounds, strict=True))
    # Rounds are in the order of time: a stable sort by customer keeps each customer's purchases in order.
    order = np.argsort(customer, kind="stable")
    customer, since_first = customer[order], since_first[order]
    amount_rate = amount_rates(generator, spend_params, n)[customer]
    amount = generator.standard_gamma(spend_params["p"], len(customer)) / amount_rate
    end = pd.Timestamp(last_day) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
    before_end = np.round((customers.T[customer] - since_first) * _SECONDS_PER_DAY)
    return pd.DataFrame(
        {
            "customer_id": customer + 1,
            "timestamp": end - pd.to_timedelta(before_end, unit="s"),
            "amount": amount,
        }
    )
