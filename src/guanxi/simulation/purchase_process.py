"""What the continuous-time models share: purchases one after the other until the cutoff or the dropout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import ParamsError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Params = Mapping[str, float]

_LEAST_RATE = 1e-300  # a rate drawn as exactly 0 has no waiting time
_LEAST_PROBABILITY = 1e-15  # "never" all the same, and a geometric number of it fits into 64 bits
_BETA_GEOMETRIC = ("r", "alpha", "a", "b")
_NEVER = np.iinfo(np.int64).max


class Customers(NamedTuple):
    """Who the customers are, before anything happens; all arrays have shape (n,)."""

    T: Floats
    purchase_rate: Floats  # of the Poisson events, of which every `events_per_purchase`-th is a purchase
    events_per_purchase: int
    last_purchase: Integers  # number of the repeat purchase after which a customer drops out; 0: the first
    lifetime: Floats  # time from the first purchase after which a customer drops out
    truth: dict[str, Floats]  # columns that tell them


def customers_of(
    T: ArrayLike,
    purchase_rate: Floats,
    *,
    events_per_purchase: int = 1,
    last_purchase: Integers | None = None,
    lifetime: Floats | None = None,
    **truth: Floats,
) -> Customers:
    """Put customers together; without last purchase and lifetime they never drop out."""
    n = len(purchase_rate)
    if lifetime is not None:
        truth["lifetime"] = lifetime
    return Customers(
        T=_ages(T, n),
        purchase_rate=purchase_rate,
        events_per_purchase=events_per_purchase,
        last_purchase=np.full(n, _NEVER) if last_purchase is None else last_purchase,
        lifetime=np.full(n, np.inf) if lifetime is None else lifetime,
        truth={"purchase_rate": purchase_rate, **truth},
    )


def gamma_rates(generator: np.random.Generator, shape: float, rate: float, n: int) -> Floats:
    """Gamma distributed rates, shape (n,), all above 0."""
    return np.maximum(generator.gamma(shape, 1.0 / rate, n), _LEAST_RATE)


def beta_geometric_customers(
    generator: np.random.Generator,
    params: Params,
    n: int,
    T: ArrayLike,
    model: str,
    *,
    first: bool,
    regular: bool,
) -> Customers:
    """Draw customers who drop out after a purchase with a probability that is Beta(a, b) among them.

    ``first``: after the first purchase too. ``regular``: every k-th event is a purchase, not each.
    """
    checked_params(params, ("k", *_BETA_GEOMETRIC) if regular else _BETA_GEOMETRIC, model)
    purchase_rate = gamma_rates(generator, params["r"], params["alpha"], n)
    dropout = np.clip(generator.beta(params["a"], params["b"], n), _LEAST_PROBABILITY, 1.0)
    return customers_of(
        T,
        purchase_rate,
        events_per_purchase=events_per_purchase(params, model) if regular else 1,
        last_purchase=generator.geometric(dropout) - first,
        dropout_probability=dropout,
    )


def checked_params(params: Params, names: tuple[str, ...], model: str) -> Params:
    """Refuse parameters that are not exactly the model's, positive and finite."""
    if set(params) != set(names):
        raise ParamsError(f"{model} has the parameters {', '.join(names)}: given are {', '.join(params)}")
    for name in names:
        if not (np.isfinite(params[name]) and params[name] > 0):
            raise ParamsError(f"{name} of {model} is {params[name]!r}: give a finite number above 0")
    return params


def events_per_purchase(params: Params, model: str) -> int:
    """Read k, which is whole."""
    if params["k"] != int(params["k"]):
        raise ParamsError(f"k of {model} is {params['k']!r}: give a whole number of at least 1")
    return int(params["k"])


def histories(
    generator: np.random.Generator, customers: Customers, spend_params: Params | None
) -> pd.DataFrame:
    """Sum up what each customer has done by T, with the truth: a row per customer."""
    n = len(customers.T)
    frequency, recency, log_gap_sum = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    for buyers, time, gap in repeat_purchases(generator, customers):
        frequency[buyers] += 1
        recency[buyers] = time
        log_gap_sum[buyers] += np.log(gap)
    table = pd.DataFrame(
        {"frequency": frequency, "recency": recency, "T": customers.T, "log_gap_sum": log_gap_sum}
    )
    if spend_params is not None:
        amount_rate = amount_rates(generator, spend_params, n)
        total = generator.standard_gamma(spend_params["p"] * frequency) / amount_rate
        table["monetary_value"] = total / np.maximum(frequency, 1)
    alive = (frequency < customers.last_purchase) & (customers.lifetime > customers.T)
    return table.assign(**customers.truth, alive=alive)


def repeat_purchases(
    generator: np.random.Generator, customers: Customers
) -> Iterator[tuple[Integers, Floats, Floats]]:
    """Round by round: who makes one more repeat purchase by T, when, and after what gap.

    Times run from the first purchase; gaps are Erlang distributed, exponentially with one event a purchase.
    """
    end = np.minimum(customers.T, customers.lifetime)
    buyers = np.flatnonzero(customers.last_purchase > 0)
    time = np.zeros(len(buyers))
    made = 0
    while buyers.size:
        gap = generator.standard_gamma(customers.events_per_purchase, buyers.size)
        gap /= customers.purchase_rate[buyers]
        time = time + gap
        in_time = time <= end[buyers]
        buyers, time, gap = buyers[in_time], time[in_time], gap[in_time]
        yield buyers, time, gap
        made += 1
        staying = customers.last_purchase[buyers] > made
        buyers, time = buyers[staying], time[staying]


def amount_rates(generator: np.random.Generator, spend_params: Params, n: int) -> Floats:
    """Rates of the gamma distributed amounts of n customers: Gamma-Gamma, Fader & Hardie, note 025."""
    checked_params(spend_params, ("p", "q", "v"), "Gamma-Gamma")
    return gamma_rates(generator, spend_params["q"], spend_params["v"], n)


def _ages(T: ArrayLike, n: int) -> Floats:
    ages = np.asarray(T, dtype=np.float64)
    if ages.shape not in ((), (n,)) or not (np.isfinite(ages) & (ages >= 0)).all():
        raise ParamsError(
            f"T is no time for each of {n} customers: give one or {n} finite numbers of at least 0"
        )
    return np.broadcast_to(ages, (n,))
