"""Customers of the continuous-time models: their rates, and purchases until cutoff or dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from guanxi.errors import ParamsError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Params = Mapping[str, float]

_LEAST_RATE = 1e-300  # a rate of exactly 0 has no waiting time
_LEAST_PROBABILITY = 1e-15  # practically 0, but geometric numbers fit into 64 bits
_MOST_CUSTOMERS = 10**9
_NEVER = np.iinfo(np.int64).max


class Customers(NamedTuple):
    """Latent parameters of the customers; all arrays have shape (n,)."""

    T: Floats
    purchase_rate: Floats  # of Poisson events, of which every `events_per_purchase`-th is a purchase
    events_per_purchase: int
    last_purchase: Integers  # number of the repeat purchase after which the customer drops out; 0: the first
    lifetime: Floats  # time from the first purchase to dropout
    truth: dict[str, Floats]  # columns of the true rates and lifetimes


class _Dropout(NamedTuple):
    """Dropout of customers, as in :class:`Customers`."""

    truth: dict[str, Floats]
    last_purchase: Integers | int = _NEVER
    lifetime: Floats | float = np.inf


def _never(generator: np.random.Generator, params: Params, n: int) -> _Dropout:
    return _Dropout({})


def _after_repeat_purchase(generator: np.random.Generator, params: Params, n: int) -> _Dropout:
    probability = beta_probabilities(generator, params["a"], params["b"], n)
    return _Dropout({"dropout_probability": probability}, last_purchase=generator.geometric(probability))


def _after_any_purchase(generator: np.random.Generator, params: Params, n: int) -> _Dropout:
    dropout = _after_repeat_purchase(generator, params, n)
    return dropout._replace(last_purchase=dropout.last_purchase - 1)


def _at_constant_rate(generator: np.random.Generator, params: Params, n: int) -> _Dropout:
    rate = gamma_rates(generator, params["s"], params["beta"], n)
    lifetime = generator.standard_exponential(n) / rate
    return _Dropout({"dropout_rate": rate, "lifetime": lifetime}, lifetime=lifetime)


def _at_rising_rate(generator: np.random.Generator, params: Params, n: int) -> _Dropout:
    eta = gamma_rates(generator, params["s"], params["beta"], n)
    lifetime = np.log1p(generator.standard_exponential(n) / eta) / params["b"]
    return _Dropout({"lifetime": lifetime}, lifetime=lifetime)


class _Model(NamedTuple):
    name: str
    params: tuple[str, ...]
    dropout: Callable[[np.random.Generator, Params, int], _Dropout]


_MODELS = {
    "nbd": _Model("NBD", ("r", "alpha"), _never),
    "bg_nbd": _Model("BG/NBD", ("r", "alpha", "a", "b"), _after_repeat_purchase),
    "mbg_nbd": _Model("MBG/NBD", ("r", "alpha", "a", "b"), _after_any_purchase),
    "bg_cnbd": _Model("BG/CNBD-k", ("k", "r", "alpha", "a", "b"), _after_repeat_purchase),
    "mbg_cnbd": _Model("MBG/CNBD-k", ("k", "r", "alpha", "a", "b"), _after_any_purchase),
    "pareto_nbd": _Model("Pareto/NBD", ("r", "alpha", "s", "beta"), _at_constant_rate),
    "ggom_nbd": _Model("GGom/NBD", ("r", "alpha", "b", "s", "beta"), _at_rising_rate),
}


def draw_customers(
    generator: np.random.Generator, model: str, params: Params, n: int, T: ArrayLike
) -> Customers:
    """Draw the customers of a model: first their purchase rates, then their dropout."""
    if not isinstance(model, str) or model not in _MODELS:
        raise ParamsError(f"model {model!r} is unknown: use one of {', '.join(_MODELS)}")
    name, names, draw_dropout = _MODELS[model]
    check_params(params, names, name)
    events_per_purchase = params.get("k", 1)
    if events_per_purchase != int(events_per_purchase):
        raise ParamsError(f"k of {name} is {params['k']!r}: give a whole number of at least 1")
    purchase_rate = gamma_rates(generator, params["r"], params["alpha"], n)
    dropout = draw_dropout(generator, params, n)
    return Customers(
        T=_ages(T, n),
        purchase_rate=purchase_rate,
        events_per_purchase=int(events_per_purchase),
        last_purchase=np.broadcast_to(dropout.last_purchase, n),
        lifetime=np.broadcast_to(dropout.lifetime, n),
        truth={"purchase_rate": purchase_rate, **dropout.truth},
    )


def check_params(params: Params, names: tuple[str, ...], model: str) -> None:
    """Reject parameters other than the model's, or not positive and finite."""
    given = params if isinstance(params, Mapping) else {}
    if set(given) != set(names):
        shown = ", ".join(map(str, given)) if given else repr(params)
        raise ParamsError(f"{model} has the parameters {', '.join(names)}, not {shown}")
    for name in names:
        if not (isinstance(params[name], Real) and np.isfinite(params[name]) and params[name] > 0):
            raise ParamsError(f"{name} of {model} is {params[name]!r}: give a finite number above 0")


def start(seed: int, n: int) -> np.random.Generator:
    """Check the seed and the number of customers, and start the random numbers.

    Raises
    ------
    ParamsError
    """
    for name, value in (("seed", seed), ("n", n)):
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < 0 or (name == "n" and value > _MOST_CUSTOMERS):
            to = f" to {_MOST_CUSTOMERS:,}" if name == "n" else ""
            raise ParamsError(f"{name} is {value!r}: give a whole number from 0{to}")
    return np.random.default_rng(int(seed))


def opportunities(given: ArrayLike, name: str, n: int) -> Integers:
    """Check a number of opportunities, one for all customers or one for each.

    Raises
    ------
    ParamsError
    """
    counts = _as_floats(given)
    if counts.shape not in ((), (n,)) or not ((counts >= 0) & (counts < 2**53)).all():
        raise ParamsError(
            f"{name} does not hold a number for each of {n} customers: give one or {n} whole numbers from 0"
        )
    return np.broadcast_to(counts.astype(np.int64), (n,))


def _as_floats(given: ArrayLike) -> Floats:
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([[np.nan]])


def _ages(T: ArrayLike, n: int) -> Floats:
    ages = _as_floats(T)
    if ages.shape not in ((), (n,)) or not (np.isfinite(ages) & (ages >= 0)).all():
        raise ParamsError(
            f"T does not hold a time for each of {n} customers: give one or {n} finite numbers of at least 0"
        )
    return np.broadcast_to(ages, (n,))


def gamma_rates(generator: np.random.Generator, shape: float, rate: float, n: int) -> Floats:
    """Gamma distributed rates, shape (n,), all above 0."""
    return np.maximum(generator.gamma(shape, 1.0 / rate, n), _LEAST_RATE)


def beta_probabilities(generator: np.random.Generator, a: float, b: float, n: int) -> Floats:
    """Beta distributed probabilities, shape (n,), all above 0."""
    return np.clip(generator.beta(a, b, n), _LEAST_PROBABILITY, 1.0)


def amount_rates(generator: np.random.Generator, spend_params: Params, n: int) -> Floats:
    """Rates of the gamma distributed amounts of n customers, by Gamma-Gamma (Fader & Hardie, note 025)."""
    check_params(spend_params, ("p", "q", "v"), "Gamma-Gamma")
    return gamma_rates(generator, spend_params["q"], spend_params["v"], n)


def repeat_purchases(
    generator: np.random.Generator, customers: Customers
) -> Iterator[tuple[Integers, Floats, Floats]]:
    """Yield, in rounds, the customers with one more repeat purchase by T, its time, and the gap before it.

    Times are from the first purchase; gaps are Erlang distributed, exponential with one event per purchase.
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
