"""Log-normal spend: the customer's own mean amount, shrunk on the log scale. What stands in for Gamma-Gamma.

A customer's amounts average exp(theta) in the long run, theta ~ N(., between_variance) among customers; the
mean of x of them is log-normal with that mean and the log-variance within_variance / x. ``params``:

- ``mean``: mean amount of the population, which is expected without repeat purchases.
- ``level``: what own mean amounts are shrunk towards.
- ``between_variance``, ``within_variance``: of logarithms; 0 where there is no spread to learn.

With w = between / (between + within / x), the weight of the own mean amount m, the posterior mean of
exp(theta) is m^w K^(1 - w): half of the remaining variance, which turns a mean of logarithms into one of
amounts, is contained in K: log K = log mean + between / 2. That identity rests on normal logarithms, and a
few tiny amounts would inflate it. So K is at most the level at which the expected amounts of the customers
seen, weighted by their purchases, add up to what they spent. (To raise K to that level where the identity
falls short of it, as with a few huge accounts, would double what is expected of everyone else.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import logsumexp

from ..purchases.process import floats
from .process import Floats, Params, SpendProcess

_LEAST_VARIANCE = 1e-8  # amounts that vary by a ten-thousandth: of less no quantile is sharper
_LEAST_SHARE = 1e-3  # an amount of 0 has no logarithm: it counts as a thousandth of the population mean
_DEVIATIONS = 6.0
_SHARES = np.linspace(0.0, 1.0, 201)[1:-1]


class _LogNormal(SpendProcess):
    name = "log_normal"
    parameters = ("mean", "level", "between_variance", "within_variance")

    def expected_spend(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history]: m^w level^(1 - w), the mean without repeats.

        Examples
        --------
        >>> params = {"mean": 22.0, "level": 20.0, "between_variance": 0.5, "within_variance": 0.5}
        >>> LOG_NORMAL.expected_spend(params, [0, 1, 9], [0.0, 80.0, 80.0]).round(2)
        array([22.  , 40.  , 69.64])
        """
        x, m = floats(frequency, monetary_value)
        own = np.log(np.maximum(m, _LEAST_SHARE * params["mean"]))
        weight = _own_weight(params["between_variance"], params["within_variance"], x)
        shrunk = np.exp(weight * own + (1.0 - weight) * np.log(params["level"]))
        return np.where(x > 0, shrunk, params["mean"])

    def scale(self, params: Params, frequency: ArrayLike, monetary_value: ArrayLike) -> Floats:
        """Mean of an amount: :meth:`expected_spend`."""
        return self.expected_spend(params, frequency, monetary_value)

    def log_total_range(
        self, params: Params, purchases: Floats, frequency: float
    ) -> tuple[Floats, Floats, Floats]:
        """Six standard deviations to either side."""
        mean, variance = self._log_total(params, purchases, frequency)
        deviation = np.sqrt(variance)
        return mean - _DEVIATIONS * deviation, mean + _DEVIATIONS * deviation, deviation

    def log_total_density(
        self, params: Params, purchases: Floats, frequency: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Return the normal density and its slope."""
        mean, variance = self._log_total(params, purchases[:, None], frequency)
        distance = (y - mean) / variance
        density = np.exp(-0.5 * distance**2 * variance) / np.sqrt(2.0 * np.pi * variance)
        return density, -distance * density

    def _log_total(self, params: Params, purchases: Floats, frequency: float) -> tuple[Floats, Floats]:
        """Mean and variance of log(total / expected amount); the mean of total / expected amount is n."""
        between, within = params["between_variance"], params["within_variance"]
        remaining = between * (1.0 - float(_own_weight(between, within, np.array([frequency]))[0]))
        variance = np.maximum(remaining + within / purchases, _LEAST_VARIANCE)
        return np.log(purchases) - variance / 2.0, variance


LOG_NORMAL = _LogNormal()


def fit_log_normal(frequency: Floats, monetary_value: Floats, weight: Floats) -> dict[str, float]:
    """Parameters of log-normal spend, for any number of customers.

    The logarithms of mean amounts have variance between + within / x. Its two shares maximise the likelihood
    (mean and size profiled out) times share x (1 - share), which keeps them apart from 0 and 1 and makes them
    equal where the data cannot tell, as with one purchase each.

    Parameters
    ----------
    frequency, monetary_value, weight : array, shape (n,)
        Histories with repeat purchases and amounts above 0, and how many customers each stands for.

    Examples
    --------
    >>> fit_log_normal(np.array([1.0, 3.0]), np.array([20.0, 20.0]), np.ones(2))["between_variance"]
    0.0
    """
    log_amount = np.log(monetary_value)
    total, best = 0.0, 0.5
    if np.ptp(log_amount) > 1e-9:
        found = [_merit(share, frequency, log_amount, weight) for share in _SHARES]
        place = int(np.argmax([merit for merit, _ in found]))
        total, best = found[place][1], float(_SHARES[place])
    between, within = total * best, total * (1.0 - best)
    precision = weight / (best + (1.0 - best) / frequency)
    mean = float(np.average(monetary_value, weights=precision))
    own = _own_weight(between, within, frequency)
    level = min(mean * np.exp(between / 2.0), _level(mean, log_amount, own, weight * frequency))
    return {"mean": mean, "level": float(level), "between_variance": between, "within_variance": within}


def _merit(share: float, frequency: Floats, log_amount: Floats, weight: Floats) -> tuple[float, float]:
    """Profile log-likelihood of the share between customers, penalised, and the total variance."""
    variance = share + (1.0 - share) / frequency
    mean = np.average(log_amount, weights=weight / variance)
    customers = weight.sum()
    total = float((weight * (log_amount - mean) ** 2 / variance).sum() / customers)
    likelihood = -0.5 * (customers * np.log(total) + weight @ np.log(variance))
    return float(likelihood + np.log(share) + np.log1p(-share)), total


def _level(mean: float, log_amount: Floats, own: Floats, purchases: Floats) -> float:
    """Level at which expected amounts add up to the amounts seen."""
    log_purchases = np.log(purchases)
    spent = logsumexp(log_amount + log_purchases)

    def excess(log_level: float) -> float:
        return float(logsumexp(own * log_amount + (1.0 - own) * log_level + log_purchases) - spent)

    reach = float(log_amount.min()), float(log_amount.max())
    if excess(reach[0]) >= 0.0 or excess(reach[1]) <= 0.0:  # amounts are equal but for rounding
        return mean
    return float(np.exp(brentq(excess, *reach, xtol=1e-12)))


def _own_weight(between: float, within: float, frequency: Floats) -> Floats:
    """Weight of the own mean amount: between / (between + within / x)."""
    own = between * frequency
    return np.divide(own, own + within, out=np.zeros(frequency.shape), where=own > 0)
