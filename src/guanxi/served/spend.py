"""Models of the amount of a purchase: Gamma-Gamma, and log-normal spend as its fallback.

``frequency`` (x) counts the repeat purchases, ``monetary_value`` (m) is their mean amount, 0 if there are
none. Given the history, the total of n purchases is ``scale`` times a variable whose distribution depends on
n and x only, which makes intervals cheap: the customer's own amounts enter through the scale alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betaln, digamma, expit, log_expit, ndtr, polygamma

from .model import MarginModel
from .purchases.process import broadcast_floats

Floats = NDArray[np.float64]
Params = Mapping[str, float]

# Range of the logarithm of a gamma variable: standard deviations, and allowances for its tails.
_DEVIATIONS, _LEFT_TAIL, _RIGHT_TAIL = 6.0, 10.0, 20.0
_LARGEST_LOG = 600.0  # exp nearly overflows beyond
_LEAST_VARIANCE = 1e-8  # amounts that vary by one in ten thousand
_LEAST_SHARE = 1e-3  # of the population mean, for an amount of 0, which has no logarithm


class SpendProcess:
    """A model of the amount of a purchase.

    Attributes
    ----------
    name : str
    parameters : tuple of str
    """

    name: str
    parameters: tuple[str, ...]

    def expected_spend(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history], shape (n,)."""
        raise NotImplementedError

    def scale(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """Scale of the total of future purchases, in the unit of the amounts, shape (n,)."""
        raise NotImplementedError

    def log_total_range(self, params: Params, purchases: Floats, x: float) -> tuple[Floats, Floats, Floats]:
        """Range of log(total / scale) for numbers of purchases, up to a probability of about 1e-8.

        Returns
        -------
        lower, upper, spread : array, shape (n,)
            Lower and upper increase with the purchases; the density is smooth on the scale of the spread.
        """
        raise NotImplementedError

    def log_total_density(
        self, params: Params, purchases: Floats, x: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Density of log(total / scale) and its slope at every y, shape (len(purchases), len(y))."""
        raise NotImplementedError

    def log_total_distribution(self, params: Params, purchases: Floats, x: float, y: float) -> Floats:
        """P(log(total / scale) <= y) for numbers of purchases, shape (n,)."""
        raise NotImplementedError


class _GammaGamma(SpendProcess):
    """Gamma-Gamma: Fader & Hardie (2013), brucehardie.com/notes/025, with positive ``p, q, v``.

    Given the history the rate of a customer's amounts is nu ~ Gamma(q + p x, v + x m), and the total of n
    amounts is Gamma(p n, nu): total / (v + x m) is a beta prime variable with shapes p n and q + p x.
    """

    name = "gamma_gamma"
    parameters = ("p", "q", "v")

    def log_likelihood(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """Log-likelihood of each mean amount: equation (1a) of the note; both columns are > 0.

        Written as the beta prime density of x m / v, which neither overflows nor cancels.

        Examples
        --------
        >>> GAMMA_GAMMA.log_likelihood({"p": 6.25, "q": 3.74, "v": 15.44}, [2], [22.35]).round(4)
        array([-3.5513])
        """
        x, m = broadcast_floats(x, m)
        p, q, v = params["p"], params["q"], params["v"]
        total = x * m
        left, right = q * np.log1p(total / v), p * x * np.log1p(v / total)
        return np.asarray(-betaln(p * x, q) - np.log(m) - left - right)

    def expected_spend(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history]: equation (5) of the note.

        Without repeat purchases it is the population mean p v / (q - 1). For q <= 1, where that mean does not
        exist, it is the amount at the mean rate: p / E[nu | history] = p (v + x m) / (p x + q).

        Examples
        --------
        >>> params = {"p": 6.25, "q": 3.74, "v": 15.44}
        >>> GAMMA_GAMMA.expected_spend(params, [2, 1, 0], [22.35, 11.77, 0.0]).round(2)
        array([24.66, 18.92, 35.22])
        """
        x, m = broadcast_floats(x, m)
        p, q, v = params["p"], params["q"], params["v"]
        return p * (v + x * m) / (p * x + (q - 1.0 if q > 1.0 else q))

    def scale(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """Sum v + x m."""
        x, m = broadcast_floats(x, m)
        return np.asarray(params["v"] + x * m)

    def log_total_range(self, params: Params, purchases: Floats, x: float) -> tuple[Floats, Floats, Floats]:
        """Range of the logarithm of a beta prime variable, a ratio of two gamma variables."""
        a, b = params["p"] * purchases, np.asarray(params["q"] + params["p"] * x)
        (low_a, high_a), (low_b, high_b) = _log_gamma_range(a), _log_gamma_range(b)
        spread = np.minimum(np.sqrt(polygamma(1, a) + polygamma(1, b)), 1.0)
        lower, upper = np.clip([low_a - high_b, high_a - low_b], -_LARGEST_LOG, _LARGEST_LOG)
        return lower, upper, spread

    def log_total_density(
        self, params: Params, purchases: Floats, x: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Density of the logarithm of a beta prime variable."""
        a, b = params["p"] * purchases[:, None], params["q"] + params["p"] * x
        density = np.exp(a * log_expit(y) + b * log_expit(-y) - betaln(a, b))
        return density, density * (a * expit(-y) - b * expit(y))

    def log_total_distribution(self, params: Params, purchases: Floats, x: float, y: float) -> Floats:
        """Return the beta distribution function of total / (total + scale)."""
        a, b = params["p"] * purchases, params["q"] + params["p"] * x
        return np.asarray(betainc(a, b, expit(y)) if y < 0 else betaincc(b, a, expit(-y)))


class _LogNormal(SpendProcess):
    """Log-normal spend: the customer's own mean amount, shrunk on the log scale.

    A customer's long-run mean amount is exp(theta), theta ~ N(., between_variance) across customers; the mean
    of x amounts is log-normal around it with log-variance within_variance / x. ``params``:

    - ``mean``: population mean amount, expected without repeat purchases.
    - ``level``: amount towards which mean amounts are shrunk.
    - ``between_variance``, ``within_variance``: of logarithms; 0 if the amounts do not vary.

    With weight w = between / (between + within / x) for the own mean amount m, the posterior mean of
    exp(theta) is m^w K^(1 - w). The level K includes half of the remaining variance, which turns a mean of
    logarithms into one of amounts.
    """

    name = "log_normal"
    parameters: tuple[str, ...] = ("mean", "level", "between_variance", "within_variance")

    def expected_spend(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """E[mean amount of a customer's purchases | history]: m^w level^(1 - w); the mean without repeats.

        Examples
        --------
        >>> params = {"mean": 22.0, "level": 20.0, "between_variance": 0.5, "within_variance": 0.5}
        >>> LOG_NORMAL.expected_spend(params, [0, 1, 9], [0.0, 80.0, 80.0]).round(2)
        array([22.  , 40.  , 69.64])
        """
        x, m = broadcast_floats(x, m)
        own = np.log(np.maximum(m, _LEAST_SHARE * params["mean"]))
        weight = own_weight(params["between_variance"], params["within_variance"], x)
        shrunk = np.exp(weight * own + (1.0 - weight) * np.log(params["level"]))
        return np.where(x > 0, shrunk, params["mean"])

    def scale(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """Mean of an amount: :meth:`expected_spend`."""
        return self.expected_spend(params, x, m)

    def log_total_range(self, params: Params, purchases: Floats, x: float) -> tuple[Floats, Floats, Floats]:
        """Six standard deviations to either side."""
        mean, variance = self._log_total(params, purchases, x)
        deviation = np.sqrt(variance)
        return mean - _DEVIATIONS * deviation, mean + _DEVIATIONS * deviation, deviation

    def log_total_density(
        self, params: Params, purchases: Floats, x: float, y: Floats
    ) -> tuple[Floats, Floats]:
        """Return the normal density and its slope."""
        mean, variance = self._log_total(params, purchases[:, None], x)
        distance = (y - mean) / variance
        density = np.exp(-0.5 * distance**2 * variance) / np.sqrt(2.0 * np.pi * variance)
        return density, -distance * density

    def log_total_distribution(self, params: Params, purchases: Floats, x: float, y: float) -> Floats:
        """Return the normal distribution function."""
        mean, variance = self._log_total(params, purchases, x)
        return np.asarray(ndtr((y - mean) / np.sqrt(variance)))

    def _log_total(self, params: Params, purchases: Floats, x: float) -> tuple[Floats, Floats]:
        """Mean and variance of log(total / expected amount); the mean of total / expected amount is n."""
        between, within = params["between_variance"], params["within_variance"]
        remaining = between * (1.0 - float(own_weight(between, within, np.array([x]))[0]))
        variance = np.maximum(remaining + within / purchases, _LEAST_VARIANCE)
        return np.log(purchases) - variance / 2.0, variance


class _Unknown(_LogNormal):
    """Spend of a log without amounts: no amount is expected, and a total counts the purchases."""

    name = "unknown"
    parameters = ()

    def expected_spend(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """NaN for every customer."""
        return np.full(broadcast_floats(x, m)[0].shape, np.nan)

    def scale(self, params: Params, x: ArrayLike, m: ArrayLike) -> Floats:
        """One for every customer."""
        return np.ones(broadcast_floats(x, m)[0].shape)

    def _log_total(self, params: Params, purchases: Floats, x: float) -> tuple[Floats, Floats]:
        return np.log(purchases), np.full(purchases.shape, _LEAST_VARIANCE)


GAMMA_GAMMA, LOG_NORMAL, UNKNOWN = _GammaGamma(), _LogNormal(), _Unknown()
SPEND_PROCESSES: dict[str, SpendProcess] = {each.name: each for each in (GAMMA_GAMMA, LOG_NORMAL, UNKNOWN)}


def margin_rate(model: MarginModel, purchases: ArrayLike, share: ArrayLike) -> Floats:
    """Estimate the margin of a customer's future purchases as a share of their amount, shape (n,).

    The customer's own share, weighted by their purchases and shrunk towards that of all customers; between -1
    and 1. It is below 0 where purchases are expected to lose money.

    Parameters
    ----------
    model : MarginModel
    purchases : array, shape (n,)
        Past purchases, the first included.
    share : array, shape (n,)
        Margin of these purchases over their amount; a missing one is unknown.

    References
    ----------
    Bühlmann, H. and Gisler, A. (2005), A Course in Credibility Theory, chapter 3.

    Examples
    --------
    >>> margin_rate(MarginModel(0.4, 0.01, 0.04), [1, 12, 3], [0.2, 0.2, np.nan]).round(3)
    array([0.36, 0.25, 0.4 ])
    """
    purchases, share = broadcast_floats(purchases, share)
    known = np.isfinite(share)
    weight = np.where(known, own_weight(model.between_variance, model.within_variance, purchases), 0.0)
    return weight * bounded_share(np.where(known, share, 0.0)) + (1.0 - weight) * model.mean


def bounded_share(share: ArrayLike) -> Floats:
    """Limit shares of margin to -1 to 1: tiny amounts give any ratio."""
    return np.clip(np.asarray(share, dtype=np.float64), -1.0, 1.0)


def own_weight(between: float, within: float, x: Floats) -> Floats:
    """Weight of the own mean amount: between / (between + within / x)."""
    own = between * x
    return np.divide(own, own + within, out=np.zeros(x.shape), where=own > 0)


def _log_gamma_range(shape: Floats) -> tuple[Floats, Floats]:
    lower = digamma(shape) - _DEVIATIONS * np.sqrt(polygamma(1, shape)) - _LEFT_TAIL / shape
    return lower, np.log(shape + _DEVIATIONS * np.sqrt(shape) + _RIGHT_TAIL)
