"""Comparability of treated and untreated customers: overlap of propensities and balance of covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from guanxi.decisions.campaign._doubly_robust import ATE, ATT, Assignment

Floats = NDArray[np.float64]

# A standardised difference up to this is usually called balanced: Austin (2009), Statistics in Medicine 28.
LARGEST_DIFFERENCE = 0.1
LARGEST_SHARE_OUTSIDE = 0.1
SMALLEST_EFFECTIVE_SHARE = 0.2
_FEWEST_OF_A_KIND = 30
_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BINS = 20


@dataclass(frozen=True)
class Covariates:
    """Covariates as numbers.

    Attributes
    ----------
    columns : pandas.DataFrame of float
        One row per customer; a category is a column for each frequent value, ``name=value``.
    covariate_of : dict of str to str
        The covariate of each column.
    """

    columns: pd.DataFrame = field(repr=False)
    covariate_of: dict[str, str]

    @property
    def x(self) -> Floats:
        """The columns as an array, shape (n, k)."""
        return self.columns.to_numpy(dtype=np.float64)

    @property
    def standardised(self) -> Floats:
        """The columns with mean 0 and standard deviation 1, shape (n, k)."""
        return np.asarray((self.x - self.x.mean(axis=0)) / self.x.std(axis=0))


def covariate_columns(table: pd.DataFrame, names: Sequence[str]) -> Covariates:
    """Convert covariates to numbers.

    Numbers stay as they are; missing ones are the mean, with a column that tells them apart. Other types get
    a column for each value of at least 30 customers. Constant columns are left out.
    """
    made: dict[str, Floats] = {}
    covariate_of: dict[str, str] = {}
    for name in names:
        for label, values in _numbers(table[name]).items():
            if np.ptp(values) > 0.0:
                made[label], covariate_of[label] = values, name
    return Covariates(pd.DataFrame(made, index=table.index), covariate_of)


def _numbers(values: pd.Series[Any]) -> dict[str, Floats]:
    name = str(values.name)
    if pd.api.types.is_numeric_dtype(values.dtype):
        found = values.to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(found)
        mean = found[~missing].mean() if not missing.all() else 0.0
        return {
            name: np.where(missing, mean, found),
            f"{name} is missing": missing.astype(np.float64),
        }
    kinds = values.astype("object").where(values.notna(), "unknown").astype(str)
    counts = kinds.value_counts()
    kept = sorted(counts.index[counts >= _FEWEST_OF_A_KIND])
    # Of two values one column says it all.
    kept = kept[1:] if len(counts) == 2 and len(kept) == 2 else kept
    return {f"{name}={kind}": (kinds == kind).to_numpy(dtype=np.float64) for kind in kept}


def weights(assigned: Assignment, estimand: str) -> Floats:
    """Weights that make both arms like all customers (``ate``) or like the treated (``att``), shape (n,)."""
    propensity, treated = assigned.propensity, assigned.treated
    if estimand == ATE:
        return np.where(treated, 1.0 / propensity, 1.0 / (1.0 - propensity))
    return np.where(treated, 1.0, propensity / (1.0 - propensity))


def overlap_table(assigned: Assignment) -> pd.DataFrame:
    """Propensities and effective sample sizes, a row per group (treated, control).

    Columns: ``n``, quantiles of the propensity (``minimum``, ``q05``, ``q25``, ``median``, ``q75``, ``q95``,
    ``maximum``), ``outside_support`` (the share of the group below the smallest or above the largest
    propensity of the other group), ``effective_ate`` and ``effective_att`` (Kish's effective sample size of
    the weights).
    """
    rows = []
    for group, member in (("treated", assigned.treated), ("control", ~assigned.treated)):
        own, other = assigned.propensity[member], assigned.propensity[~member]
        names = ("minimum", "q05", "q25", "median", "q75", "q95", "maximum")
        row: dict[str, object] = {"group": group, "n": int(member.sum())}
        row |= dict(zip(names, np.quantile(own, _QUANTILES), strict=True))
        row["outside_support"] = float(np.mean((own < other.min()) | (own > other.max())))
        row |= {f"effective_{name}": _effective(weights(assigned, name)[member]) for name in (ATE, ATT)}
        rows.append(row)
    return pd.DataFrame(rows)


def propensity_histogram(assigned: Assignment) -> pd.DataFrame:
    """Share of each group in each of 20 bins of the propensity: ``group, lower, upper, share``."""
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    parts = [
        pd.DataFrame(
            {
                "group": group,
                "lower": edges[:-1],
                "upper": edges[1:],
                "share": np.histogram(assigned.propensity[member], edges)[0] / member.sum(),
            }
        )
        for group, member in (("treated", assigned.treated), ("control", ~assigned.treated))
    ]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Overlap:
    """How far one arm can stand for the other.

    Attributes
    ----------
    outside : float
        Share of the customers asked about with a propensity outside the other arm's range.
    effective : float
        Effective size of the weighted arm that is worst off, as a share of its own size; for ``att`` of the
        smaller arm's, since of many controls few need be like the treated.
    """

    outside: float
    effective: float

    @property
    def poor(self) -> bool:
        """Whether more than 10 % are outside, or less than 20 % effective."""
        return self.outside > LARGEST_SHARE_OUTSIDE or self.effective < SMALLEST_EFFECTIVE_SHARE


def overlap_of(table: pd.DataFrame, estimand: str) -> Overlap:
    """Judge the overlap for all customers (``ate``) or the treated (``att``) by :func:`overlap_table`."""
    if estimand == ATE:
        outside = float(np.average(table["outside_support"], weights=table["n"]))
        return Overlap(outside, float((table["effective_ate"] / table["n"]).min()))
    treated, control = (table[table["group"] == group].iloc[0] for group in ("treated", "control"))
    effective = float(control["effective_att"]) / float(table["n"].min())
    return Overlap(float(treated["outside_support"]), effective)


def balance_table(covariates: Covariates, assigned: Assignment) -> pd.DataFrame:
    """Differences between the arms, a row per column of the covariates.

    Columns: ``covariate``, ``column``, ``mean_treated``, ``mean_control``, and before weighting (``_before``)
    and after it (``_ate``, ``_att``): ``difference`` (of means, in units of the standard deviation before
    weighting, the root mean square of both arms') and ``variance_ratio`` (treated to control).
    """
    x, treated = covariates.x, assigned.treated
    alike = np.ones(len(x))
    before = _moments(x, treated, alike)
    spread = np.sqrt((before[2] + before[3]) / 2.0)
    table = pd.DataFrame(
        {
            "covariate": [covariates.covariate_of[str(column)] for column in covariates.columns],
            "column": list(covariates.columns),
            "mean_treated": before[0],
            "mean_control": before[1],
        }
    )
    used = {"before": alike, ATE: weights(assigned, ATE), ATT: weights(assigned, ATT)}
    for name, weight in used.items():
        treated_mean, control_mean, treated_variance, control_variance = _moments(x, treated, weight)
        with np.errstate(invalid="ignore", divide="ignore"):
            table[f"difference_{name}"] = (treated_mean - control_mean) / spread
            table[f"variance_ratio_{name}"] = treated_variance / control_variance
    return table


def unbalanced(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Rows whose standardised difference (``before``, ``ate`` or ``att``) is above .1."""
    return table[table[f"difference_{name}"].abs() > LARGEST_DIFFERENCE]


def assignment_p_value(covariates: Covariates, treated: NDArray[np.bool_]) -> float:
    """P-value of the hypothesis that no covariate predicts the treatment: F test of a linear regression."""
    x = covariates.standardised
    d = treated - treated.mean()
    coefficients, _, rank, _ = np.linalg.lstsq(x, d, rcond=None)
    free = len(d) - int(rank) - 1
    unexplained = float(np.sum((d - x @ coefficients) ** 2))
    if rank == 0 or free <= 0:
        return 1.0
    if unexplained <= 1e-12 * float(d @ d):
        return 0.0
    f = (float(d @ d) - unexplained) / rank / (unexplained / free)
    return float(stats.f.sf(f, rank, free))


def _effective(weight: Floats) -> float:
    return float(weight.sum() ** 2 / np.sum(weight**2))


def _moments(x: Floats, treated: NDArray[np.bool_], weight: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    means, variances = [], []
    for member in (treated, ~treated):
        mean = np.average(x[member], axis=0, weights=weight[member])
        means.append(mean)
        variances.append(np.average((x[member] - mean) ** 2, axis=0, weights=weight[member]))
    return means[0], means[1], variances[0], variances[1]
