"""Members against others who were like them before they joined: a difference, not an effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from guanxi.errors import DataError

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
_FEWEST = 10


@dataclass(frozen=True)
class MemberDifference:
    """Difference of an outcome between members and matched others.

    Attributes
    ----------
    outcome : str
    difference, lower, upper : float
        Mean over members of their outcome less that of their match.
    members_mean, others_mean : float
        Of members, and of their matches after the correction.
    unmatched : float
        Difference of means without matching.
    members, others : int
        Members compared, and different customers that they were compared with.
    """

    outcome: str
    difference: float
    lower: float
    upper: float
    members_mean: float
    others_mean: float
    unmatched: float
    members: int
    others: int


@dataclass(frozen=True)
class MemberComparison:
    """Differences by outcome, and how alike members and others were.

    Attributes
    ----------
    differences : list of MemberDifference
    balance : pandas.DataFrame
        ``covariate``, means ``members, others, matched``, and standardised mean differences
        ``smd_before, smd_after``: mean difference over the root of the mean variance of both groups.
    """

    differences: list[MemberDifference]
    balance: pd.DataFrame = field(repr=False)


def compare_members(
    table: pd.DataFrame, covariates: Sequence[str], outcomes: Sequence[str], level: float = 0.95
) -> MemberComparison:
    """Compare members with the customers most like them before they joined.

    Each member is matched to the nearest other of the same group (with replacement, Euclidean distance of
    standardised covariates); what differs still is corrected by a regression on the matches (Abadie & Imbens
    2011, Journal of Business & Economic Statistics 29(1)). Errors are those of Abadie & Imbens (2006,
    Econometrica 74(1)) for the mean over members; a bootstrap would be wrong for nearest neighbours. Without
    an experiment this is a difference: who joins may differ in what was not recorded.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer and group: ``group`` (such as the month of joining), ``member`` (bool),
        covariates known before joining, and outcomes after it.
    covariates, outcomes : sequence of str
        Columns of numbers without missing values.
    level : float
        Of the intervals.

    Raises
    ------
    DataError
        If fewer than 10 members, or fewer than 10 others, are in groups that have both.

    Examples
    --------
    >>> x = np.arange(40.0)
    >>> rows = pd.DataFrame({"group": 0, "member": x % 2 == 0, "x": x, "spend": x + 5 * (x % 2 == 0)})
    >>> [found] = compare_members(rows, ["x"], ["spend"]).differences
    >>> round(found.difference, 6), round(found.unmatched, 6)
    (5.0, 4.0)
    """
    kept = table[table.groupby("group")["member"].transform("nunique") == 2].reset_index(drop=True)
    member = kept["member"].to_numpy(dtype=bool)
    if min(member.sum(), (~member).sum()) < _FEWEST:
        raise DataError(
            f"{member.sum():,} members and {(~member).sum():,} others can be compared: at least "
            f"{_FEWEST} of each are needed, who bought before and in the same month"
        )
    x = kept[list(covariates)].to_numpy(dtype=np.float64)
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    match, neighbour = _matches(x, member, kept["group"].to_numpy())
    found = [
        _difference(name, kept[name].to_numpy(dtype=np.float64), x, member, match, neighbour, level)
        for name in outcomes
    ]
    return MemberComparison(found, _balance(kept, covariates, member, match))


def _matches(x: Floats, member: NDArray[np.bool_], group: NDArray[np.object_]) -> tuple[Places, Places]:
    """Row of each member's match, and of each other's nearest other (itself if it is alone)."""
    from sklearn.neighbors import NearestNeighbors

    match, neighbour = np.full(len(x), -1), np.arange(len(x))
    for each in pd.unique(group):
        inside = np.flatnonzero(group == each)
        treated, others = inside[member[inside]], inside[~member[inside]]
        nearest = NearestNeighbors(n_neighbors=min(2, len(others))).fit(x[others])
        match[treated] = others[nearest.kneighbors(x[treated], n_neighbors=1, return_distance=False)[:, 0]]
        # Without arguments a row is not its own neighbour.
        if len(others) > 1:
            neighbour[others] = others[nearest.kneighbors(n_neighbors=1, return_distance=False)[:, 0]]
    return match[member], neighbour


def _difference(
    name: str, y: Floats, x: Floats, member: NDArray[np.bool_], match: Places, neighbour: Places, level: float
) -> MemberDifference:
    used, times = np.unique(match, return_counts=True)
    slopes = _slopes(x[used], y[used], times)
    differences = y[member] - y[match] - (x[member] - x[match]) @ slopes
    estimate, n = float(differences.mean()), len(differences)
    # Noise of another, from the customer nearest to them.
    noise = (y[used] - y[neighbour[used]]) ** 2 / 2
    variance = (((differences - estimate) ** 2).sum() + ((times**2 - times) * noise).sum()) / n**2
    half = norm.ppf((1 + level) / 2) * float(np.sqrt(variance))
    mean = float(y[member].mean())
    unmatched = mean - float(y[~member].mean())
    return MemberDifference(
        name, estimate, estimate - half, estimate + half, mean, mean - estimate, unmatched, n, len(used)
    )


def _slopes(x: Floats, y: Floats, weight: NDArray[np.intp]) -> Floats:
    """Weighted least squares of the outcome on the covariates; none if there are too few rows."""
    if len(y) <= 2 * (x.shape[1] + 1):
        return np.zeros(x.shape[1])
    root = np.sqrt(weight)
    design = np.column_stack([np.ones(len(y)), x]) * root[:, None]
    slopes: Floats = np.linalg.lstsq(design, y * root, rcond=None)[0][1:]
    return slopes


def _balance(
    table: pd.DataFrame, covariates: Sequence[str], member: NDArray[np.bool_], match: Places
) -> pd.DataFrame:
    rows = []
    for name in covariates:
        values = table[name].to_numpy(dtype=np.float64)
        one, other, matched = values[member], values[~member], values[match]
        spread = float(np.sqrt((one.var() + other.var()) / 2))
        before, after = (
            float(one.mean() - each.mean()) / spread if spread else 0.0 for each in (other, matched)
        )
        rows.append(
            {
                "covariate": name,
                "members": float(one.mean()),
                "others": float(other.mean()),
                "matched": float(matched.mean()),
                "smd_before": before,
                "smd_after": after,
            }
        )
    return pd.DataFrame(rows)
