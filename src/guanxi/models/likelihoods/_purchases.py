"""Log-likelihoods of the purchase processes with gradient and Hessian, as functions of log-parameters.

The likelihood of a history is ``base * sum of parts``: dropped out at some time, or still alive. With A the
logarithms of the parts and G, H their first and second derivatives, the logarithm of the sum has gradient
mean(G) and Hessian mean(H + G G') - mean(G) mean(G)', with means weighted by exp(A).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import betaln, digamma, gammaln, logsumexp, polygamma, xlogy

from guanxi.models._maximum_likelihood import by_log_params
from guanxi.models.likelihoods._linear_predictors import Derivatives, LinearPredictorLikelihood
from guanxi.served.purchases.beta_geometric_process import BetaGeometricProcess, gap_terms
from guanxi.served.purchases.lifetime_process import GGOM_NBD, NBD, PARETO_NBD, LifetimeProcess
from guanxi.served.purchases.process import Floats, Params, PurchaseProcess

_CHUNK_BETA_GEOMETRIC = 8192  # rows of BG/NBD per pass, to fit the processor's cache
_Curves = dict[tuple[int, int], Floats]  # second derivatives of the parts that are not 0, i <= j


class BetaGeometricLikelihood:
    """Sum of the weighted log-likelihoods of distinct histories, as a function of log(r, alpha, a, b).

    The gamma and beta functions are evaluated once per distinct frequency, which is several times faster than
    :class:`RowwiseLikelihood`, which covers all models.

    Parameters
    ----------
    frequency, recency, T, weight : array, shape (n,)
        Histories, and the number of customers with each.
    first : bool
        Whether customers may drop out after their first purchase too (MBG/NBD).

    Examples
    --------
    >>> one = np.ones(1)
    >>> value, gradient, hessian = BetaGeometricLikelihood(
    ...     2 * one, 30 * one, 38 * one, one, first=False
    ... )(np.zeros(4))
    >>> gradient.shape, hessian.shape
    ((4,), (4, 4))
    """

    def __init__(self, frequency: Floats, recency: Floats, T: Floats, weight: Floats, *, first: bool) -> None:
        self._first = first
        self._rows = (frequency, recency, T, weight)
        self._x, self._which = np.unique(frequency, return_inverse=True)
        self._x_weight = np.bincount(self._which, weights=weight)

    def __call__(self, log_params: Floats) -> tuple[float, Floats, Floats]:
        """Value, gradient and Hessian with respect to the log-parameters."""
        params = np.exp(log_params)
        value, gradient, hessian = self._by_frequency(params)
        # Terms of the dropout odds that depend on the frequency alone.
        repeated = (self._x > 0) | self._first
        earlier = np.where(repeated, params[3] + self._x - 1.0 + self._first, 1.0)
        log_odds = np.where(repeated, np.log(params[2]) - np.log(earlier), -np.inf)
        inverse = np.where(repeated, -1.0 / earlier, 0.0)
        for start in range(0, len(self._which), _CHUNK_BETA_GEOMETRIC):
            rows = slice(start, start + _CHUNK_BETA_GEOMETRIC)
            which = self._which[rows]
            x, t_x, T, weight = (column[rows] for column in self._rows)
            by_x = (log_odds[which], inverse[which])
            value += _add_rows(params, x, t_x, T, weight, *by_x, gradient, hessian)
        return by_log_params(params, value, gradient, hessian)

    def _by_frequency(self, params: Floats) -> tuple[float, Floats, Floats]:
        r, alpha, a, b = params
        x, weight = self._x, self._x_weight
        chances = x + self._first
        terms = gammaln(r + x) - gammaln(r) + betaln(a, b + chances) - betaln(a, b) - x * np.log(alpha)
        both, survived = digamma(a + b) - digamma(a + b + chances), digamma(b + chances) - digamma(b)
        gradient = np.array(
            [weight @ (digamma(r + x) - digamma(r)), 0.0, weight @ both, weight @ (both + survived)]
        )
        curved = weight @ (polygamma(1, a + b) - polygamma(1, a + b + chances))
        hessian = np.zeros((4, 4))
        hessian[0, 0] = weight @ (polygamma(1, r + x) - polygamma(1, r))
        hessian[2:, 2:] = curved
        hessian[3, 3] += weight @ (polygamma(1, b + chances) - polygamma(1, b))
        return float(weight @ terms), gradient, hessian


class RowwiseLikelihood(LinearPredictorLikelihood):
    """Sum of the weighted log-likelihoods as a function of log-parameters and coefficients of covariates.

    Parameters
    ----------
    process : PurchaseProcess
    frequency, recency, T, weight : array, shape (n,)
    covariates : mapping
        Covariates by parameter name, shape (n, c).
    penalty : float
        Ridge penalty: half of it times the sum of squared coefficients is subtracted.
    k : int
        Regularity of the gaps, for the CNBD-k models.
    log_gap_sum : array, shape (n,), optional

    Examples
    --------
    >>> one = np.ones(1)
    >>> likelihood = RowwiseLikelihood(PARETO_NBD, one, 1.5 * one, 12 * one, one)
    >>> value, gradient, hessian = likelihood(np.log([0.55, 10.58, 0.61, 11.67]))
    >>> round(value, 6), gradient.shape, hessian.shape
    (-4.006949, (4,), (4, 4))
    """

    _chunk = 512

    def __init__(
        self,
        process: PurchaseProcess,
        frequency: Floats,
        recency: Floats,
        T: Floats,
        weight: Floats,
        *,
        covariates: Mapping[str, Floats] | None = None,
        penalty: float = 0.0,
        k: int = 1,
        log_gap_sum: Floats | None = None,
    ) -> None:
        names = [name for name in process.parameters if name != "k"]
        super().__init__(names, weight, covariates, penalty)
        self._process, self._k = process, k
        self._columns = (frequency, recency, T)
        if k != 1:
            self._constant = float(weight @ gap_terms(k, frequency, recency, log_gap_sum))

    def _terms(self, params: dict[str, Floats], rows: slice) -> Derivatives:
        x, t_x, T = (column[rows] for column in self._columns)
        if isinstance(self._process, BetaGeometricProcess):
            terms = _beta_geometric(self._process.first, self._k, params, x, t_x, T)
        else:
            assert isinstance(self._process, LifetimeProcess)
            terms = _lifetime(self._process, params, x, t_x, T)
        value, gradient, hessian = terms
        scale = np.stack([params[name] for name in self._names])
        gradient = gradient * scale
        hessian = hessian * scale[:, None] * scale[None, :]
        hessian[np.arange(len(scale)), np.arange(len(scale))] += gradient
        return value, gradient, hessian


def _add_rows(
    params: Floats,
    x: Floats,
    t_x: Floats,
    T: Floats,
    weight: Floats,
    log_odds: Floats,
    inverse: Floats,
    gradient: Floats,
    hessian: Floats,
) -> float:
    """Value of the time-dependent terms; adds their derivatives to ``gradient`` and ``hessian``."""
    r, alpha, a, _ = params
    n = r + x
    age, last = 1.0 / (alpha + T), 1.0 / (alpha + t_x)
    log_age = np.log1p(T / alpha)
    log_ratio = log_age - np.log1p(t_x / alpha)
    log_odds = log_odds + n * log_ratio
    small = np.exp(-np.abs(log_odds))
    softplus = np.maximum(log_odds, 0.0) + np.log1p(small)
    dropped = np.where(log_odds > 0, 1.0, small) / (1.0 + small)
    weighted = weight * dropped

    # Derivatives of the log odds by r, alpha, a, b; by a it is 1 / a for all.
    slopes = np.stack([log_ratio, n * (age - last), np.full(len(x), 1.0 / a), inverse])
    gradient += slopes @ weighted
    gradient[0] -= weight @ log_age
    gradient[1] += weight @ (r / alpha - n * age)

    hessian += (slopes * (weighted * (1.0 - dropped))) @ slopes.T
    hessian[0, 1] += (mixed := weighted @ (age - last) + weight @ (1.0 / alpha - age))
    hessian[1, 0] += mixed
    hessian[1, 1] += weight @ (n * age**2 - r / alpha**2) - weighted @ (n * (age**2 - last**2))
    hessian[2, 2] -= weighted.sum() / a**2
    hessian[3, 3] += weighted @ inverse**2
    return float(weight @ (softplus - n * log_age))


def _beta_geometric(first: bool, k: int, params: Params, x: Floats, t_x: Floats, T: Floats) -> Derivatives:
    r, alpha, a, b = (params[name] for name in ("r", "alpha", "a", "b"))
    n, chances = r + k * x, x + first
    parts, slopes = np.full((k + 1, len(x)), -np.inf), np.zeros((2, k + 1, len(x)))
    curves = {at: np.zeros((k + 1, len(x))) for at in ((0, 0), (0, 1), (1, 1))}
    _hidden_events(k, parts, slopes, curves, n, alpha + T, T - t_x)
    possible = (x > 0) | first
    earlier = np.where(possible, b + chances - 1.0, 1.0)
    dropped = gammaln(n) - n * np.log(alpha + t_x) + np.log(a) - np.log(earlier)
    parts[k] = np.where(possible, dropped, -np.inf)
    _purchases(k, slopes, curves, n, alpha + t_x)
    value, gradient, hessian = _log_sum(parts, slopes, curves, {2: (1.0 / a, -1.0), 3: (-1.0 / earlier, 1.0)})

    value += r * np.log(alpha) - gammaln(r) + betaln(a, b + chances) - betaln(a, b)
    gradient[0] += np.log(alpha) - digamma(r)
    gradient[1] += r / alpha
    both = digamma(a + b) - digamma(a + b + chances)
    gradient[2] += both  # the beta functions' digamma(a) cancel
    gradient[3] += both + digamma(b + chances) - digamma(b)
    hessian[0, 0] -= polygamma(1, r)
    hessian[0, 1] += 1.0 / alpha
    hessian[1, 0] += 1.0 / alpha
    hessian[1, 1] -= r / alpha**2
    hessian[2:, 2:] += polygamma(1, a + b) - polygamma(1, a + b + chances)
    hessian[3, 3] += polygamma(1, b + chances) - polygamma(1, b)
    return value, gradient, hessian


def _hidden_events(
    k: int, parts: Floats, slopes: Floats, curves: _Curves, n: Floats, rate: Floats, silent: Floats
) -> None:
    """Write the parts of j = 0 ... k - 1 events since the last purchase, and their derivatives.

    The functions of n + j follow from those of n by recurrence.
    """
    log_rate = np.log(rate)
    log_gamma, first, second = gammaln(n), digamma(n), polygamma(1, n)
    for j in range(k):
        shape = n + j
        parts[j] = log_gamma - gammaln(j + 1.0) + xlogy(j, silent) - shape * log_rate
        slopes[0, j], slopes[1, j] = first - log_rate, -shape / rate
        curves[0, 0][j], curves[1, 1][j], curves[0, 1][j] = second, shape / rate**2, -1.0 / rate
        log_gamma, first, second = log_gamma + np.log(shape), first + 1.0 / shape, second - 1.0 / shape**2


def _purchases(part: int, slopes: Floats, curves: _Curves, shape: Floats, rate: Floats) -> None:
    """Write derivatives of log gamma(shape) - shape log(rate) by r and alpha, at unit slope in both."""
    slopes[0, part], slopes[1, part] = digamma(shape) - np.log(rate), -shape / rate
    curves[0, 0][part], curves[1, 1][part] = polygamma(1, shape), shape / rate**2
    curves[0, 1][part] = -1.0 / rate


def _lifetime(process: LifetimeProcess, params: dict[str, Floats], x: Floats, t_x: Floats, T: Floats) -> Any:
    r, alpha = params["r"], params["alpha"]
    n = r + x
    if process is NBD:
        value, gradient, hessian = -n * np.log(alpha + T), np.zeros((2, len(x))), np.zeros((2, 2, len(x)))
        gradient[0], gradient[1] = -np.log(alpha + T), -n / (alpha + T)
        hessian[0, 1] = hessian[1, 0] = -1.0 / (alpha + T)
        hessian[1, 1] = n / (alpha + T) ** 2
    else:
        value, gradient, hessian = _leaving(process, params, n, t_x, T)
    value = value + gammaln(n) - gammaln(r) + r * np.log(alpha)
    gradient[0] += digamma(n) - digamma(r) + np.log(alpha)
    gradient[1] += r / alpha
    hessian[0, 0] += polygamma(1, n) - polygamma(1, r)
    hessian[0, 1] += 1.0 / alpha
    hessian[1, 0] += 1.0 / alpha
    hessian[1, 1] -= r / alpha**2
    return value, gradient, hessian


def _leaving(process: LifetimeProcess, params: dict[str, Floats], n: Floats, t_x: Floats, T: Floats) -> Any:
    """Log of [integral over the time of leaving + still alive], with powers of 1 / (alpha + time).

    The nodes are treated as fixed, since the integral does not depend on their positions.
    """
    since, log_weight = process.nodes(params, t_x, T - t_x, n, params["alpha"] + t_x)
    moments = np.column_stack([t_x[:, None] + since, T]).T
    own = {name: np.broadcast_to(value, moments.shape) for name, value in params.items()}
    gone = np.ones(moments.shape)  # 1: the customer leaves at that time; 0 at T: still alive
    gone[-1] = 0.0
    rate = own["alpha"] + moments
    log_rate = np.log(rate)
    left = process.log_density(own, moments)[:-1] + log_weight.T
    parts = np.concatenate([left, process.log_survivor(own, moments)[-1:]]) - n * log_rate
    slopes = np.empty((len(process.parameters), *moments.shape))
    slopes[0], slopes[1] = -log_rate, -n / rate
    curves = {(0, 1): -1.0 / rate, (1, 1): n / rate**2}
    if process is PARETO_NBD:
        _pareto(own, moments, gone, slopes, curves)
    elif process is GGOM_NBD:
        _gamma_gompertz(own, moments, gone, process, slopes, curves)
    else:
        raise NotImplementedError(f"derivatives of {process.name}: add them to {__name__}")
    return _log_sum(parts, slopes, curves)


def _pareto(own: Params, moments: Floats, gone: Floats, slopes: Floats, curves: _Curves) -> None:
    """Write derivatives by s and beta of gone log s + s log beta - (s + gone) log(beta + moment)."""
    s, beta = own["s"], own["beta"]
    inverse = 1.0 / (beta + moments)
    slopes[2], slopes[3] = gone / s - np.log1p(moments / beta), s / beta - (s + gone) * inverse
    curves[2, 2] = -gone / s**2
    curves[2, 3] = 1.0 / beta - inverse
    curves[3, 3] = (s + gone) * inverse**2 - s / beta**2


def _gamma_gompertz(
    own: Params, moments: Floats, gone: Floats, process: LifetimeProcess, slopes: Floats, curves: _Curves
) -> None:
    """Write derivatives by b, s, beta of gone (log s b + b t) + s log beta - (s + gone) log(beta + E(t)).

    E(t) is exp(b t) - 1.
    """
    b, s, beta = own["b"], own["s"], own["beta"]
    log_growth = -process.log_survivor(own, moments) / s  # log((beta + exp(b t) - 1) / beta)
    inverse = np.exp(-log_growth) / beta
    share = np.exp(b * moments - log_growth) / beta  # exp(b t) / (beta + exp(b t) - 1)
    slopes[2] = gone * (1.0 / b + moments) - (s + gone) * moments * share
    slopes[3] = gone / s - log_growth
    slopes[4] = s / beta - (s + gone) * inverse
    curves[2, 2] = -gone / b**2 - (s + gone) * moments**2 * share * (1.0 - share)
    curves[2, 3] = -moments * share
    curves[2, 4] = (s + gone) * moments * share * inverse
    curves[3, 3] = -gone / s**2
    curves[3, 4] = 1.0 / beta - inverse
    curves[4, 4] = (s + gone) * inverse**2 - s / beta**2


def _log_sum(
    parts: Floats, slopes: Floats, curves: _Curves, last: Mapping[int, tuple[Floats, float]] | None = None
) -> Derivatives:
    """Log of the sum of exp(parts) over the first axis, and its derivatives.

    Parameters of which only the last part depends, after the others, are in ``last``: the derivative by each,
    and the sign of its square in the second derivative.
    """
    value = logsumexp(parts, axis=0)
    share = np.exp(parts - value)
    weighted = share * slopes
    own = last or {}
    gradient = np.concatenate([weighted.sum(axis=1), *(share[-1:] * slope for slope, _ in own.values())])
    hessian = -gradient[:, None] * gradient[None, :]
    for i in range(len(slopes)):
        for j in range(i, len(slopes)):
            mixed = np.einsum("mn,mn->n", weighted[i], slopes[j])
            if (i, j) in curves:
                mixed += np.einsum("mn,mn->n", share, curves[i, j])
            hessian[i, j] += mixed
            if i < j:
                hessian[j, i] += mixed
    steep = [*slopes[:, -1], *(slope for slope, _ in own.values())]
    for i, (slope, sign) in own.items():
        hessian[i, i] += share[-1] * sign * slope**2
        for j in range(i + 1):
            mixed = share[-1] * slope * steep[j]
            hessian[i, j] += mixed
            if j < i:
                hessian[j, i] += mixed
    return value, gradient, hessian
