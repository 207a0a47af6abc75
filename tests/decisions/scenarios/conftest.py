"""Customers with histories from a simulated process, their predictions, and their base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from guanxi.decisions.scenarios._customer_base import CustomerBase, customer_base
from guanxi.served.purchases.process import discounted
from guanxi.served.purchases.registry import PROCESSES, PurchaseMixture

MODELS: dict[str, dict[str, float]] = {
    "nbd": {"r": 0.55, "alpha": 70.0},
    "bg_nbd": {"r": 0.25, "alpha": 30.0, "a": 0.8, "b": 2.5},
    "mbg_cnbd": {"k": 2, "r": 0.5, "alpha": 20.0, "a": 0.8, "b": 2.5},
    "pareto_nbd": {"r": 0.55, "alpha": 70.0, "s": 0.6, "beta": 80.0},
    "ggom_nbd": {"r": 0.55, "alpha": 70.0, "b": 0.002, "s": 0.6, "beta": 5.0},
    "bg_bb": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78, "period": 30.0},
}
RATE, HORIZON, YEARS = 0.1, 90, 4.0


def mixture(*models: str) -> PurchaseMixture:
    return PurchaseMixture([(PROCESSES[name], MODELS[name]) for name in models])


def histories(n: int, seed: int = 0, whole: float = 1.0) -> tuple[np.ndarray, ...]:
    """Frequency, recency and T of customers with a constant rate and a lifetime, in whole periods."""
    random = np.random.default_rng(seed)
    T = random.integers(1, max(2, int(900 / whole)), n) * whole
    lifetime = np.minimum(random.exponential(300.0, n), T)
    x = random.poisson(random.gamma(0.8, 1 / 40.0, n) * lifetime).astype(float)
    last = np.round(lifetime * random.random(n) ** (1.0 / np.maximum(x, 1.0)) / whole) * whole
    t_x = np.where(x > 0, np.minimum(np.maximum(last, np.minimum(x, T / whole) * whole), T), 0.0)
    return np.minimum(x, t_x / whole), t_x, T


def predictions_of(
    purchases: PurchaseMixture, n: int = 400, seed: int = 0, margin: float = 0.4, whole: float = 1.0
) -> pd.DataFrame:
    x, t_x, T = histories(n, seed, whole)
    random = np.random.default_rng(seed + 1)
    spend, correction = random.lognormal(3.0, 0.6, n), random.lognormal(0.0, 0.2, n)
    until = purchases.purchases_until(x, t_x, T)
    terms: dict[str, Any] = {"annual_discount_rate": RATE, "margin": margin, "period": 30.0, "year": 365.0}
    return pd.DataFrame(
        {
            "customer_id": np.arange(n).astype(str),
            "horizon_days": HORIZON,
            "frequency": x,
            "recency": t_x,
            "T": T,
            "expected_purchases": until(HORIZON) * correction,
            "expected_spend": spend,
            "clv": discounted(lambda days: until(days) * correction, spend, float(HORIZON), **terms),
        }
    )


def base_of(
    purchases: PurchaseMixture,
    predictions: pd.DataFrame,
    segments: Sequence[Mapping[str, Any]] = (),
    years: float = YEARS,
    whole_periods: bool = False,
) -> CustomerBase:
    return customer_base(
        predictions,
        purchases,
        float,
        margin=0.4,
        annual_discount_rate=RATE,
        years=years,
        segments=segments,
        whole_periods=whole_periods,
    )


def summed(
    purchases: PurchaseMixture, predictions: pd.DataFrame, ends: np.ndarray, rate: float = RATE
) -> Any:
    """Discounted margin of all customers in each period, straight from the purchase model."""
    until = purchases.purchases_until(
        *(predictions[name].to_numpy() for name in ("frequency", "recency", "T"))
    )
    ratio = (
        predictions["expected_purchases"] / until(HORIZON) * predictions["expected_spend"]
    ).to_numpy() * 0.4
    margin = np.array([until(end) @ ratio for end in ends])
    return np.diff(margin, prepend=0.0) * (1.0 + rate) ** (-ends / 365.0)


@pytest.fixture(scope="session")
def market() -> SimpleNamespace:
    """How to make purchase models, predictions and their customer base."""
    return SimpleNamespace(
        mixture=mixture, histories=histories, predictions_of=predictions_of, base_of=base_of, summed=summed
    )


@pytest.fixture(scope="session")
def base() -> CustomerBase:
    """Customers of BG/NBD with two segments that overlap."""
    purchases = mixture("bg_nbd")
    segments = [{"frequency": "> 2"}, {"T": "< 400"}]
    return base_of(purchases, predictions_of(purchases, 300), segments)
