"""Forecasts by customer, their variances, and the errors of their totals at earlier windows.

Of N purchases with posterior mean amount M the total S has, for Gamma-Gamma as for log-normal spend,
E[S^2] = M^2 c (E[N^2] + w E[N]): c - 1 is the squared coefficient of variation of the customer's unknown mean
amount, w that of one amount around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.data.engine import execute_in_order
from guanxi.data.transactions import TransactionLog
from guanxi.errors import FitError
from guanxi.evaluation.realised_performance import outcomes
from guanxi.features.rfm import rfm_expression
from guanxi.models import GammaGamma
from guanxi.models.purchase_models import transaction_model
from guanxi.models.transaction_model import TransactionModel
from guanxi.periods import add_days
from guanxi.pipeline.selection import fit_quietly
from guanxi.served.numerics import distinct_rows, parameter_points
from guanxi.served.purchases.process import Floats, Params, PurchaseProcess, broadcast_floats
from guanxi.served.spend import SpendProcess

TARGETS = ("purchases", "spend")
COLUMNS = ("cutoff", "window_days", "target", "segment", "customers", "forecast", "actual", "noise")
USUAL = ("bg_nbd",)
_SHORTEST_DAYS, _MOST_WINDOWS = 7, 20
_MOST_PURCHASES = (8, 24, 72, 216, 1024)  # tried in turn until less than _LEFT_OUT lies beyond
_LEFT_OUT = 1e-7
_ENTRIES = 2**18  # probabilities in memory at once
_LEAST_SHAPE = 2.5  # Gamma-Gamma's mean amount has no variance at a posterior shape of 2 or less
_FREQUENCY_EDGES = [-1, 0, 1, 3, np.inf]
_FREQUENCY_NAMES = ("0", "1", "2 to 3", "4 and more")


@dataclass(frozen=True)
class CustomerForecasts:
    """Expected purchases and spend of each customer within a horizon, with their uncertainty.

    Attributes
    ----------
    table : DataFrame, n rows
        ``expected_purchases, variance_purchases, expected_spend, variance_spend``: mean and variance of each
        customer's purchases and total spend, given the parameters.
    parameters : dict of str to sequence of arrays, shape (points, n)
        For each target, expectations at points that represent the parameter uncertainty. The arrays are
        independent of one another; the points of an array are equally likely.
    """

    table: pd.DataFrame
    parameters: Mapping[str, Sequence[Floats]]

    @property
    def targets(self) -> list[str]:
        """What is forecast: purchases, and spend if there are amounts."""
        return [name for name in TARGETS if not self.table[f"expected_{name}"].isna().all()]

    def with_expected(self, purchases: ArrayLike, spend: ArrayLike) -> CustomerForecasts:
        """Replace the expectations, each of shape (n,), and rescale the uncertainty accordingly.

        The Poisson part of the variance of purchases scales with the expectation, the rest with its square.
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
        )

    def totals(self, target: str, rows: Any = slice(None)) -> Total:
        """Total of the selected customers."""
        expected = self.table[f"expected_{target}"].to_numpy()[rows]
        total = max(float(expected.sum()), 1e-100)
        ratios = [each[:, rows].sum(axis=1) / total for each in self.parameters[target]]
        parameters = sum(float(np.mean(_log(ratio) ** 2)) for ratio in ratios)
        return Total(
            customers=len(expected),
            expected=float(expected.sum()),
            noise=float(self.table[f"variance_{target}"].to_numpy()[rows].sum()) / total**2,
            parameters=parameters,
        )


Forecaster = Callable[[date, int], tuple[pd.DataFrame, CustomerForecasts]]
Segmentations = Callable[[pd.DataFrame, CustomerForecasts], pd.DataFrame]


@dataclass(frozen=True)
class Total:
    """A forecast total; ``noise`` is its relative variance, ``parameters`` a log variance."""

    customers: int
    expected: float
    noise: float
    parameters: float


def btyd_forecasts(
    rfm: pd.DataFrame,
    models: Sequence[TransactionModel],
    spend: GammaGamma | None,
    horizon: float,
) -> CustomerForecasts:
    """Forecast each customer's purchases and total spend by the mean of fitted models.

    ``rfm`` has ``frequency, recency, T, monetary_value``; the horizon is in the unit of T. Without a model of
    spend, spend is NaN.

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
    own = np.array([model.expected_purchases(rfm, horizon) for model in models])
    expected = own.mean(axis=0)
    members = [(model.process_, model.params_) for model in models]
    variance = purchase_variance(members, x, t_x, T, horizon)
    amount = spread = np.full(len(x), np.nan)
    amounts = amount[None]
    if spend is not None:
        process, params = spend.process_, spend.params_
        amount = process.expected_spend(params, x, m)
        points = parameter_points(params, spend.log_covariance_)
        amounts = np.array([process.expected_spend(point, x, m) for point in points])
        spread = spend_variance(process, params, x, m, expected, variance)
    table = pd.DataFrame(
        {
            "expected_purchases": expected,
            "variance_purchases": variance,
            "expected_spend": expected * amount,
            "variance_spend": spread,
        },
        index=rfm.index,
    )
    varied = [
        expected + (_at_points(model, x, t_x, T, horizon) - centre) / len(models)
        for model, centre in zip(models, own, strict=True)
    ]
    return CustomerForecasts(
        table,
        {"purchases": varied, "spend": [*(purchases * amount for purchases in varied), expected * amounts]},
    )


def _at_points(model: TransactionModel, x: Floats, t_x: Floats, T: Floats, horizon: float) -> Floats:
    """Compute expected purchases at points representing the parameter uncertainty, shape (points, n)."""
    points = parameter_points(model.params_, model.log_covariance_)
    return np.array([model.process_.expected_purchases(point, x, t_x, T, horizon) for point in points])


def _log(ratio: ArrayLike) -> Floats:
    return np.log(np.maximum(ratio, 1e-300))


def purchase_variance(
    members: Sequence[tuple[PurchaseProcess, Params]],
    frequency: ArrayLike,
    recency: ArrayLike,
    T: ArrayLike,
    horizon: float,
) -> Floats:
    """Variance of each customer's purchases in (T, T + horizon] given the history, shape (n,).

    ``members`` are purchase models of equal weight, their parameters taken as known; the horizon is in the
    unit of T.

    Examples
    --------
    >>> from guanxi.served.purchases.lifetime_process import NBD
    >>> purchase_variance([(NBD, {"r": 2.0, "alpha": 4.0})], [0], [0], [0], 4.0).round(3)
    array([4.])
    """
    histories, inverse = distinct_rows(broadcast_floats(frequency, recency, T))
    variance = np.zeros(len(histories[0]))
    going_on = np.arange(len(variance))
    for most in _MOST_PURCHASES:
        unsettled = []
        for first in range(0, len(going_on), _ENTRIES // (most + 1)):
            rows = going_on[first : first + _ENTRIES // (most + 1)]
            x, t_x, age = (column[rows] for column in histories)
            chances = sum(
                process.count_distribution(params, x, t_x, age, horizon, most) for process, params in members
            )
            total, mean, square = (np.asarray(chances) @ np.arange(most + 1.0) ** power for power in range(3))
            variance[rows] = square / total - (mean / total) ** 2
            unsettled.append(rows[total < len(members) * (1.0 - _LEFT_OUT)])
        going_on = np.concatenate(unsettled)
        if not len(going_on):
            break
    return variance[inverse]


def spend_variance(
    process: SpendProcess,
    params: Params,
    frequency: ArrayLike,
    monetary_value: ArrayLike,
    expected_purchases: ArrayLike,
    variance_purchases: ArrayLike,
) -> Floats:
    """Variance of each customer's total spend given the history, shape (n,).

    The parameters are taken as known; purchases are those within the horizon. Gamma-Gamma's mean amount has
    no variance where q + p x <= 2: there 2.5 is used.

    Examples
    --------
    >>> from guanxi.served.spend import GAMMA_GAMMA
    >>> params = {"p": 4.0, "q": 4.0, "v": 30.0}
    >>> spend_variance(GAMMA_GAMMA, params, [0], [0.0], [1.0], [0.0]).round(1)  # one amount of mean 40
    array([1400.])
    """
    mean = process.expected_spend(params, frequency, monetary_value)
    x, expected, variance = broadcast_floats(frequency, expected_purchases, variance_purchases)
    if process.name == "gamma_gamma":
        shape = np.maximum(params["q"] + params["p"] * x, _LEAST_SHAPE)
        unknown, within = (shape - 1.0) / (shape - 2.0), 1.0 / params["p"]
    else:
        between, one = params["between_variance"], params["within_variance"]
        unknown = np.exp(between * one / np.maximum(between * x + one, 1e-300))
        within = float(np.expm1(one))
    square = variance + expected**2
    return np.asarray(mean**2 * (unknown * (square + within * expected) - expected**2))


def window_cutoffs(first_day: date, as_of: date, horizon_days: int) -> tuple[int, list[date]]:
    """Length and cutoffs of non-overlapping windows before ``as_of``, each after at least as much history.

    If the history is shorter than two horizons, the window length is at most a third of the history.

    Examples
    --------
    >>> window_cutoffs(date(1997, 1, 1), date(1997, 9, 30), 273)
    (90, [datetime.date(1997, 7, 2), datetime.date(1997, 4, 3)])
    """
    history = (as_of - first_day).days
    days = horizon_days if history >= 2 * horizon_days else min(horizon_days, history // 3)
    if days < min(horizon_days, _SHORTEST_DAYS):
        return days, []
    return days, [add_days(as_of, -days * i) for i in range(1, min(history // days, _MOST_WINDOWS + 1))]


def rolling_errors(
    log: TransactionLog,
    as_of: date,
    horizon_days: int,
    forecaster: Forecaster | None = None,
    segmentations: Segmentations | None = None,
) -> pd.DataFrame:
    """Forecast and actual totals of earlier, non-overlapping windows, with a separate fit at each cutoff.

    No day after ``as_of`` is read. The windows have the length of the horizon if the history permits, else
    they are shorter (:func:`window_cutoffs`). ``forecaster(cutoff, days)`` returns the customers known at the
    cutoff (``customer_id`` and RFM) and their forecasts, using no data after it (default:
    :func:`btyd_forecaster`). ``segmentations(customers, forecasts)`` returns one column of segment names per
    segmentation, with names unique across segmentations (default: :func:`usual_segments`).

    Returns ``cutoff, window_days, target, segment`` (None: all customers)``, customers, forecast, actual,
    noise`` (relative variance of the forecast due to chance and parameters). Windows whose fit failed are
    omitted.
    """
    forecaster = forecaster or btyd_forecaster(log)
    days, cutoffs = window_cutoffs(log.first_day, as_of, horizon_days)
    rows: list[dict[str, Any]] = []
    for cutoff in cutoffs:
        try:
            customers, forecasts = forecaster(cutoff, days)
        except FitError:
            continue
        actual = customer_outcomes(log, cutoff, days, customers)
        parts = rows_of(None)
        for _, names in (segmentations or usual_segments)(customers, forecasts).items():
            parts |= rows_of(names)
        rows += [
            {"cutoff": cutoff, "window_days": days, "target": target, "segment": name}
            | _compared(forecasts, target, which, actual[target].to_numpy())
            for target in forecasts.targets
            for name, which in parts.items()
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _compared(forecasts: CustomerForecasts, target: str, which: Any, actual: Floats) -> dict[str, Any]:
    total = forecasts.totals(target, which)
    return {
        "customers": total.customers,
        "forecast": total.expected,
        "actual": float(actual[which].sum()),
        "noise": total.noise + total.parameters,
    }


def customer_outcomes(log: TransactionLog, cutoff: date, days: int, customers: pd.DataFrame) -> pd.DataFrame:
    """Each customer's ``purchases, spend`` in the days after the cutoff, in the order of ``customers``."""
    found = outcomes(log, cutoff, days)
    joined = customers[["customer_id"]].merge(found, on="customer_id", how="left", validate="one_to_one")
    return joined[list(TARGETS)].fillna(0.0).astype(np.float64)


def rows_of(segments: pd.Series | None) -> dict[Any, Any]:
    """Row indices of each segment by name, and of all customers under None."""
    rows: dict[Any, Any] = {None: slice(None)}
    if segments is None:
        return rows
    codes, names = pd.factorize(segments, sort=True)
    return rows | {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}


def usual_segments(customers: pd.DataFrame, forecasts: CustomerForecasts) -> pd.DataFrame:
    """Segment customers by frequency, and into thirds by age and expected purchases; one column each."""
    expected = forecasts.table["expected_purchases"].set_axis(customers.index)
    frequency = pd.cut(customers["frequency"], _FREQUENCY_EDGES, labels=list(_FREQUENCY_NAMES))
    return pd.DataFrame(
        {
            "frequency": "frequency " + frequency.astype(str),
            "age": "age, third " + _thirds(customers["T"]),
            "expected purchases": "expected purchases, third " + _thirds(expected),
        }
    )


def _thirds(values: pd.Series) -> pd.Series:
    return (values.rank(pct=True) * 3.0).apply(np.ceil).astype(int).astype(str)


def btyd_forecaster(log: TransactionLog, models: Sequence[str] = USUAL) -> Forecaster:
    """Return a forecaster that fits purchase models and Gamma-Gamma to the data up to each cutoff.

    It forecasts the mean of ``models``, named as in ``clv.model``.
    """

    def forecast(cutoff: date, days: int) -> tuple[pd.DataFrame, CustomerForecasts]:
        expression = rfm_expression(log.events, cutoff, log.params.event_grain)
        rfm = execute_in_order(log.connection, expression.order_by("customer_id"))
        own = [fit_quietly(transaction_model(name), rfm) for name in models]
        spend = fit_quietly(GammaGamma(), rfm) if log.has_amounts else None
        return rfm, btyd_forecasts(rfm, own, spend, days)

    return forecast
