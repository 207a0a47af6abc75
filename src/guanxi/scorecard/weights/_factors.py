"""Weights from common variance: principal components and factor analysis.

Both use only the pairwise correlations (see :func:`._objective.measure`): no customer is dropped for unknown
values, and memory does not depend on the number of customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import chdtrc

from guanxi.errors import DataError, FitError
from guanxi.scorecard._notes import Note
from guanxi.scorecard.weights._objective import DataWeights, Moments, invertible, measure
from guanxi.served.ordering import falling

Floats = NDArray[np.float64]

_EQUAL = 1e-9  # smaller differences are rounding errors
_LEAST_ALONE = 0.005  # least uniqueness: share of an indicator's variance not explained by factors
_SEARCH = {"maxiter": 10_000, "maxfun": 100_000, "ftol": 1e-12, "gtol": 1e-8}
_SWEEPS = 1_000
_STEADY = 1e-8
_FLAT = 1e-6  # gradient of the mean log-likelihood at its maximum


@dataclass(frozen=True)
class FactorWeights(DataWeights):
    """Weights from loadings, with diagnostics of the correlations.

    Attributes
    ----------
    loadings : pandas.DataFrame
        One row per indicator that varies, one column per factor (``factor_1`` ...), rotated by varimax.
    explained : pandas.DataFrame
        ``factor, variance`` (sum of its squared loadings), ``share`` (of the total variance).
    eigenvalues : array, shape (n_indicators,)
        Of the correlation matrix, largest first; their sum is the number of indicators that vary.
    kmo : float
        Kaiser-Meyer-Olkin measure of sampling adequacy, overall, 0 to 1; NaN if nothing correlates.
    bartlett : dict of str to float
        Test of sphericity (no correlation at all): ``chi_squared, degrees_of_freedom, p_value``.
    """

    loadings: pd.DataFrame
    explained: pd.DataFrame
    eigenvalues: Floats
    kmo: float
    bartlett: dict[str, float]


def principal_component_weights(normalised: pd.DataFrame, *, components: int | None = None) -> FactorWeights:
    """Weight indicators by their communality on the leading principal components.

    With squared loadings scaled to sum to 1 within each component, and components weighted by the variance
    they explain, the weight of indicator i is ``sum_f (l_if**2 / V_f) * (V_f / sum(V))``: its communality
    divided by the sum of communalities. The OECD handbook keeps only the largest term of each sum; the full
    sum is invariant to rotation and does not jump when two loadings are nearly equal.

    The weights reflect correlation, not importance: correlated indicators get more weight, and the sign of a
    loading is irrelevant. If the smallest eigenvalue is below 0.001 (an indicator is a linear combination of
    others, or pairwise correlations are incompatible), the correlations are shrunk towards 0 until it is
    0.001, and a note is added.

    Parameters
    ----------
    normalised : pandas.DataFrame
        Indicators, NaN is unknown.
    components : int, optional
        Default: the number of eigenvalues above 1 (Kaiser 1960, The application of electronic computers to
        factor analysis), at least one.

    Returns
    -------
    FactorWeights
        With ``kmo, communality`` in the table. Constant and all-unknown indicators have weight 0.

    Raises
    ------
    DataError
        If fewer than two indicators vary, or there are fewer indicators than components.

    References
    ----------
    OECD & JRC (2008), Handbook on Constructing Composite Indicators, section 6.1. Nicoletti, G., Scarpetta,
    S. & Boylaud, O. (2000), Summary indicators of product market regulation, OECD Economics Department
    working paper 226.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0, 0.3, 0.6, 1], "as_a": [0, 0.4, 0.6, 1], "other": [1, 0.2, 0, 0.9]})
    >>> found = principal_component_weights(table, components=1)
    >>> {name: round(weight, 2) for name, weight in found.weights.items()}, round(found.kmo, 2)
    ({'a': 0.49, 'as_a': 0.5, 'other': 0.01}, 0.41)
    """
    moments = measure(normalised)
    correlation, notes = _invertible(moments, fewest=2, method="principal components")
    values, vectors = np.linalg.eigh(correlation)
    count = _factor_count(components, values, most=len(values), what="components")
    loadings = vectors[:, ::-1][:, :count] * np.sqrt(values[::-1][:count])
    return _factor_weights("principal_components", moments, correlation, loadings, notes)


def factor_analysis_weights(normalised: pd.DataFrame, *, factors: int | None = None) -> FactorWeights:
    """Weight indicators by their communality in a maximum likelihood factor analysis.

    Like :func:`principal_component_weights`, with the same input and table, but unique variance is excluded.
    By default the number of factors is that of eigenvalues above 1, at least one and at most the number
    identified by the correlations: ``(p - m)**2 >= p + m`` for m factors of p indicators.

    Raises
    ------
    DataError
        If fewer than three indicators vary, or so many factors are not identified.
    FitError
        If the likelihood maximisation does not converge.

    References
    ----------
    Lawley, D. N. & Maxwell, A. E. (1971), Factor Analysis as a Statistical Method. For the weights see
    :func:`principal_component_weights`.
    """
    moments = measure(normalised)
    correlation, notes = _invertible(moments, fewest=3, method="factor analysis")
    p = len(correlation)
    most = max(m for m in range(p) if (p - m) ** 2 >= p + m)
    eigenvalues = np.asarray(np.linalg.eigvalsh(correlation), dtype=np.float64)
    count = _factor_count(factors, eigenvalues, most=most, what="factors")
    return _factor_weights(
        "factor_analysis", moments, correlation, _maximum_likelihood_loadings(correlation, count), notes
    )


def sampling_adequacy(correlation: Floats) -> tuple[float, Floats]:
    """Kaiser-Meyer-Olkin measure of sampling adequacy, overall and for each variable.

    Sum of squared off-diagonal correlations, divided by that sum plus the sum of squared partial
    correlations: near 1 for common factors, below 0.5 unacceptable. NaN if nothing correlates. The
    correlations, shape (p, p), must be invertible.

    Kaiser, H. F. & Rice, J. (1974), Little jiffy, mark IV, Educational and Psychological Measurement 34.

    Examples
    --------
    >>> overall, each = sampling_adequacy(np.array([[1, 0.6, 0.5], [0.6, 1, 0.4], [0.5, 0.4, 1]]))
    >>> round(overall, 3), each.round(3)
    (0.658, array([0.616, 0.654, 0.737]))
    """
    inverse = np.linalg.inv(correlation)
    scale = np.sqrt(np.diag(inverse))
    off = ~np.eye(len(correlation), dtype=bool)
    plain, partial = (np.where(off, m, 0.0) ** 2 for m in (correlation, inverse / np.outer(scale, scale)))
    with np.errstate(invalid="ignore"):
        each = plain.sum(axis=0) / (plain + partial).sum(axis=0)
        return float(plain.sum() / (plain + partial).sum()), each


def sphericity(correlation: Floats, customers: float) -> dict[str, float]:
    """Bartlett's test of sphericity: no two variables correlate.

    ``-(n - 1 - (2 p + 5) / 6) ln det R`` is approximately chi-squared with ``p (p - 1) / 2`` degrees of
    freedom; n is the number of customers. The correlations, shape (p, p), must be invertible.

    Bartlett, M. S. (1951), The effect of standardization on a chi-squared approximation in factor analysis,
    Biometrika 38.

    Examples
    --------
    >>> found = sphericity(np.array([[1, 0.6, 0.5], [0.6, 1, 0.4], [0.5, 0.4, 1]]), 30)
    >>> round(found["chi_squared"], 2), round(found["p_value"], 5)
    (20.51, 0.00013)
    """
    p = len(correlation)
    factor = max(customers - 1.0 - (2.0 * p + 5.0) / 6.0, 0.0)
    statistic = max(-factor * float(np.linalg.slogdet(correlation)[1]), 0.0)
    freedom = p * (p - 1.0) / 2.0
    return {
        "chi_squared": statistic,
        "degrees_of_freedom": freedom,
        "p_value": float(chdtrc(freedom, statistic)),
    }


def varimax(loadings: Floats) -> Floats:
    """Rotate loadings, shape (p, m), so that each variable loads highly on few factors.

    Rows are normalised to length 1 for the rotation. The factor with the largest variance comes first, and
    each column has a positive sum.

    Kaiser, H. F. (1958), The varimax criterion for analytic rotation in factor analysis, Psychometrika 23.

    Examples
    --------
    >>> varimax(np.array([[0.8, 0.6], [0.4, 0.3], [0.3, -0.4]])).round(3) + 0.0
    array([[1. , 0. ],
           [0.5, 0. ],
           [0. , 0.5]])
    """
    length = np.sqrt((loadings**2).sum(axis=1, keepdims=True))
    rotated = loadings / np.where(length > 0, length, 1.0)
    pairs = list(combinations(range(loadings.shape[1]), 2))
    for _ in range(_SWEEPS):
        turned = 0.0
        for i, j in pairs:
            angle = _best_angle(rotated[:, i], rotated[:, j])
            cosine, sine = np.cos(angle), np.sin(angle)
            rotated[:, [i, j]] = rotated[:, [i, j]] @ np.array([[cosine, -sine], [sine, cosine]])
            turned = max(turned, abs(angle))
        if turned < _STEADY:
            break
    rotated *= length
    rotated *= np.where(rotated.sum(axis=0) < 0, -1.0, 1.0)
    return np.asarray(rotated[:, falling((rotated**2).sum(axis=0))])


def _best_angle(first: Floats, second: Floats) -> float:
    """Rotation angle of two columns that maximises the varimax criterion (Kaiser 1958)."""
    u, v = first**2 - second**2, 2.0 * first * second
    p = len(u)
    numerator = 2.0 * (u @ v - u.sum() * v.sum() / p)
    denominator = u @ u - v @ v - (u.sum() ** 2 - v.sum() ** 2) / p
    return float(np.arctan2(numerator, denominator) / 4.0)


def _invertible(moments: Moments, fewest: int, method: str) -> tuple[Floats, tuple[str, ...]]:
    """Correlations, shrunk if needed to a smallest eigenvalue of 0.001, and the notes."""
    names = moments.names
    if len(names) < fewest:
        few = f"{len(names)} indicator{'s vary' if len(names) > 1 else ' varies'}"
        raise DataError(f"{few}, too few for {method} (at least {fewest}): use entropy, CRITIC or judgement")
    correlation, least, ridge = invertible(moments.correlation)
    if not ridge:
        return correlation, moments.notes
    return correlation, (*moments.notes, Note("singular", least=least, ridge=ridge))


def _factor_count(requested: int | None, eigenvalues: Floats, *, most: int, what: str) -> int:
    if requested is None:
        return min(max(int((eigenvalues > 1.0 + _EQUAL).sum()), 1), most)
    if not 1 <= requested <= most:
        raise DataError(f"{requested} {what} of {len(eigenvalues)} varying indicators: ask for 1 to {most}")
    return requested


def _maximum_likelihood_loadings(correlation: Floats, factors: int) -> Floats:
    """Unrotated maximum likelihood loadings (Jöreskog 1967, Psychometrika 32)."""

    def split(logarithms: Floats) -> tuple[Floats, Floats, Floats]:
        root = np.exp(logarithms / 2.0)  # of the unique variances
        values, vectors = np.linalg.eigh(correlation / np.outer(root, root))
        leading = vectors[:, -factors:] * np.sqrt(np.maximum(values[-factors:] - 1.0, 0.0))
        return root, values[:-factors], root[:, None] * leading

    def loss(logarithms: Floats) -> tuple[float, Floats]:
        root, rest, loadings = split(logarithms)
        alone = root**2
        residual = (loadings**2).sum(axis=1) + alone - 1.0
        return float((rest - np.log(rest) - 1.0).sum()), residual / alone

    start = np.log((1.0 - factors / (2.0 * len(correlation))) / np.diag(np.linalg.inv(correlation)))
    bounds = [(np.log(_LEAST_ALONE), 0.0)] * len(correlation)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_SEARCH)
    # Rounding may end the search at the maximum before its own criteria hold.
    uphill = np.abs(np.clip(found.x - found.jac, *np.transpose(bounds)) - found.x).max()
    if not found.success and uphill > _FLAT:
        raise FitError(
            f"the likelihood of {factors} factors of {len(correlation)} indicators has no maximum "
            f"({found.message}): ask for fewer factors, or use principal components"
        )
    return split(found.x)[2]


def _factor_weights(
    method: str, moments: Moments, correlation: Floats, unrotated: Floats, notes: tuple[str, ...]
) -> FactorWeights:
    """Weights from loadings, with the diagnostics."""
    names, p = list(moments.names), len(moments.names)
    loadings = varimax(unrotated)
    variance = (loadings**2).sum(axis=0)
    communality = (loadings**2).sum(axis=1)
    overall, each = sampling_adequacy(correlation)
    measures = pd.DataFrame({"kmo": each, "communality": communality}, index=names)
    weight = (measures["communality"] / communality.sum()).reindex(list(moments.known), fill_value=0.0)
    factors = [f"factor_{number}" for number in range(1, len(variance) + 1)]
    table = pd.DataFrame({"weight": weight, "known": pd.Series(moments.known)}).join(measures)
    fewest = float(moments.pairs[~np.eye(p, dtype=bool)].min())
    return FactorWeights(
        method=method,
        weights={name: float(found) for name, found in weight.items()},
        table=table.rename_axis("indicator").reset_index(),
        notes=notes,
        loadings=pd.DataFrame(loadings, index=names, columns=factors),
        explained=pd.DataFrame({"factor": factors, "variance": variance, "share": variance / p}),
        eigenvalues=np.asarray(np.linalg.eigvalsh(correlation)[::-1], dtype=np.float64),
        kmo=overall,
        bartlett=sphericity(correlation, fewest),
    )


def factor_scores(found: FactorWeights, normalised: pd.DataFrame) -> pd.DataFrame:
    """Score every customer on every factor or component.

    The regression estimate of the factors given the customer's known indicators, ``z_k' R_kk^-1 L_k`` with
    standardised values z, correlations R and rotated loadings L; of principal components without unknown
    values it is the exact score, with variance 1. A customer with nothing known has none.

    Parameters
    ----------
    found : FactorWeights
        From the same table.
    normalised : pandas.DataFrame

    Returns
    -------
    pandas.DataFrame
        One column per factor, in the order of the rows: above 0 is more than the mean customer.

    References
    ----------
    Thurstone, L. L. (1935), The Vectors of Mind. Lawley, D. N. and Maxwell, A. E. (1971), Factor Analysis as
    a Statistical Method, 2nd ed., chapter 8.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [0, 0.3, 0.6, 1], "as_a": [0, 0.4, 0.6, 1], "other": [1, 0.2, 0, 0.9]})
    >>> found = principal_component_weights(table, components=1)
    >>> factor_scores(found, table)["factor_1"].round(1).tolist()
    [-1.4, -0.3, 0.4, 1.3]
    """
    names = list(found.loadings.index)
    moments = measure(normalised[names])
    correlation = invertible(moments.correlation)[0]
    values = normalised[names].to_numpy(dtype=np.float64)
    standard = (values - np.nanmean(values, axis=0)) / moments.deviation
    known = ~np.isnan(standard)
    scores = np.full((len(values), found.loadings.shape[1]), np.nan)
    loadings = found.loadings.to_numpy()
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(patterns) + 1))
    for place, there in enumerate(patterns):
        if there.any():
            rows = order[ends[place] : ends[place + 1]]
            weights = np.linalg.solve(correlation[np.ix_(there, there)], loadings[there])
            scores[rows] = standard[np.ix_(rows, there)] @ weights
    return pd.DataFrame(scores, columns=list(found.loadings.columns))
