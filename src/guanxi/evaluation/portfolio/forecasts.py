"""Forecasts of every customer that can be added up: means, variances, and what is common to all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from guanxi.models import GammaGamma
from guanxi.models.transaction_model import TransactionModel
from guanxi.models.variances import purchase_variance, spend_variance
from guanxi.served.numerics import parameter_points

Floats = NDArray[np.float64]

TARGETS = ("purchases", "spend")


@dataclass(frozen=True)
class CustomerForecasts:
    """What each customer is expected to do within a horizon, how far each may stray, and how all may.

    Attributes
    ----------
    table : DataFrame, n rows
        ``expected_purchases, variance_purchases, expected_spend, variance_spend``: mean and variance of each
        customer's purchases and total spend, with the parameters taken as known.
    parameters : dict of str to sequence of arrays, shape (points, n)
        For each target, expectations under other parameters that the data leave possible; arrays are
        independent of one another, the points of one array equally likely.
    models : dict of str to array, shape (m, n)
        For each target, expectations by other models.
    """

    table: pd.DataFrame
    parameters: Mapping[str, Sequence[Floats]]
    models: Mapping[str, Floats]

    def with_expected(self, purchases: ArrayLike, spend: ArrayLike) -> CustomerForecasts:
        """Correct the expectations, each shape (n,), and scale everything else with them.

        The Poisson part of the variance of purchases grows as the expectation, the rest as its square.
        """
        table = self.table.copy()
        ratios = {}
        for target, corrected in zip(TARGETS, (purchases, spend), strict=True):
            old = table[f"expected_{target}"].to_numpy()
            new = np.asarray(corrected, dtype=np.float64)
            ratios[target] = np.divide(new, old, out=np.ones(len(old)), where=old > 0)
            table[f"expected_{target}"] = new
        ratio = ratios["purchases"]
        poisson = np.minimum(self.table["expected_purchases"], self.table["variance_purchases"])
        rest = self.table["variance_purchases"] - poisson
        table["variance_purchases"] = ratio * poisson + ratio**2 * rest
        table["variance_spend"] = ratios["spend"] ** 2 * self.table["variance_spend"]
        return replace(
            self,
            table=table,
            parameters={name: [ratios[name] * each for each in self.parameters[name]] for name in TARGETS},
            models={name: ratios[name] * self.models[name] for name in TARGETS},
        )

    def totals(self, target: str, rows: Any = slice(None)) -> Total:
        """Add up chosen customers."""
        expected = self.table[f"expected_{target}"].to_numpy()[rows]
        total = max(float(expected.sum()), 1e-100)
        ratios = [each[:, rows].sum(axis=1) / total for each in self.parameters[target]]
        parameters = sum(float(np.mean(_log(ratio) ** 2)) for ratio in ratios)
        others = _log(np.append(self.models[target][:, rows].sum(axis=1) / total, 1.0))
        return Total(
            customers=len(expected),
            expected=float(expected.sum()),
            noise=float(self.table[f"variance_{target}"].to_numpy()[rows].sum()) / total**2,
            parameters=parameters,
            models=float(np.var(others, ddof=1)) if len(others) > 1 else 0.0,
        )


@dataclass(frozen=True)
class Total:
    """A forecast total; ``noise`` is a relative variance, ``parameters`` and ``models`` those of its log."""

    customers: int
    expected: float
    noise: float
    parameters: float
    models: float


def btyd_forecasts(
    rfm: pd.DataFrame,
    models: Sequence[TransactionModel],
    spend: GammaGamma,
    horizon: float,
    others: Sequence[TransactionModel] = (),
) -> CustomerForecasts:
    """Forecast every customer's purchases and total spend by the mean of fitted models.

    Parameters
    ----------
    rfm : DataFrame, n rows
        ``frequency, recency, T, monetary_value``.
    models, others : sequences of fitted purchase models
        ``others`` only tell how far models differ.
    spend : fitted GammaGamma
    horizon : float
        In the unit of T.

    Examples
    --------
    >>> from guanxi.models import BetaGeoNBD
    >>> from guanxi.simulation import simulate_bg_nbd
    >>> truth, spend = {"r": 0.5, "alpha": 4.5, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    >>> rfm = simulate_bg_nbd(truth, n=2000, T=40.0, seed=1, spend_params=spend)
    >>> made = btyd_forecasts(rfm, [BetaGeoNBD().fit(rfm)], GammaGamma().fit(rfm), horizon=52.0)
    >>> total = made.totals("purchases")
    >>> total.customers, bool(0 < total.parameters < total.noise < 0.01)
    (2000, True)
    """
    x, t_x, T, m = (
        rfm[name].to_numpy(np.float64) for name in ("frequency", "recency", "T", "monetary_value")
    )
    each = np.array([model.expected_purchases(rfm, horizon) for model in (*models, *others)])
    own, amount = each[: len(models)], spend.process_.expected_spend(spend.params_, x, m)
    expected = own.mean(axis=0)
    members = [(model.process_, model.params_) for model in models]
    variance = purchase_variance(members, x, t_x, T, horizon)
    table = pd.DataFrame(
        {
            "expected_purchases": expected,
            "variance_purchases": variance,
            "expected_spend": expected * amount,
            "variance_spend": spend_variance(spend.process_, spend.params_, x, m, expected, variance),
        },
        index=rfm.index,
    )
    moved = [
        expected + (_at_points(model, x, t_x, T, horizon) - centre) / len(models)
        for model, centre in zip(models, own, strict=True)
    ]
    points = parameter_points(spend.params_, spend.log_covariance_)
    amounts = np.array([spend.process_.expected_spend(point, x, m) for point in points])
    beside = each if len(models) > 1 else each[1:]
    return CustomerForecasts(
        table,
        {"purchases": moved, "spend": [*(purchases * amount for purchases in moved), expected * amounts]},
        {"purchases": beside, "spend": beside * amount},
    )


def _at_points(model: TransactionModel, x: Floats, t_x: Floats, T: Floats, horizon: float) -> Floats:
    """Evaluate expected purchases at the parameters that the data leave possible, shape (points, n)."""
    points = parameter_points(model.params_, model.log_covariance_)
    return np.array([model.process_.expected_purchases(point, x, t_x, T, horizon) for point in points])


def _log(ratio: ArrayLike) -> Floats:
    return np.log(np.maximum(ratio, 1e-300))
