"""Delphi: a panel rates indicators in rounds until consensus; the last round gives the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, rankdata

from guanxi.errors import ParamsError, did_you_mean
from guanxi.scorecard._notes import Names, Note

Floats = NDArray[np.float64]
Verdict = Literal["converged", "stable", "open"]

# Strong agreement (Schmidt 1997, table 2), and a good degree of consensus (English & Keran 1976).
STRONG, SPREAD, SIGNIFICANT = 0.7, 0.5, 0.05
# The smallest change between rounds that justifies another round: a convention.
CHANGE = 0.05
_DECIMALS = 9  # smaller differences are rounding errors


class Concordance(NamedTuple):
    """Kendall's W, and the test against random rankings."""

    w: float
    chi_square: float
    degrees_of_freedom: int
    p_value: float


def concordance(ratings: Floats) -> Concordance:
    """Kendall's coefficient of concordance, corrected for ties.

    Kendall & Babington Smith (1939), The problem of m rankings, Annals of Mathematical Statistics 10. The
    chi-square test is conservative for few experts (Legendre 2005, Species associations: the Kendall
    coefficient of concordance revisited, JABES 10). ``ratings`` has shape (n_experts, n_items). W ranges
    from 0 (no agreement) to 1 (identical order); NaN if every expert rates all items equally.

    Examples
    --------
    >>> concordance(np.array([[1, 2, 3], [1, 2, 3], [1, 3, 2]])).w
    0.777...
    """
    m, n = ratings.shape
    ranks = rankdata(ratings, axis=1)
    counts = [np.unique(row, return_counts=True)[1] for row in ranks]
    ties = sum(int((count**3 - count).sum()) for count in counts)
    spread = float(((ranks.sum(axis=0) - m * (n + 1) / 2.0) ** 2).sum())
    most = m**2 * (n**3 - n) - m * ties
    w = 12.0 * spread / most if most else np.nan
    statistic = m * (n - 1) * w
    return Concordance(w, statistic, n - 1, float(chi2.sf(statistic, n - 1)))


def parse_rounds(document: Any, items: Sequence[str], where: str = "rounds") -> list[pd.DataFrame]:
    """Parse the rounds from YAML: a list of maps from expert to ratings.

    Ratings are numbers of 0 or more, higher for more important items. The panel may change between rounds.
    ``where`` names the document in messages. Returns one table per round: a row for each expert, a column
    for each item.

    Raises
    ------
    ParamsError
        If an item is unknown or not rated, a rating is not a number of 0 or more, an expert rates everything
        0, or a round has fewer than two experts.

    Examples
    --------
    >>> parse_rounds([{"ann": {"margin": 7, "csat": 9}, "bob": {"margin": 6, "csat": 9}}], ["margin", "csat"])
    [     margin  csat
    ann     7.0   9.0
    bob     6.0   9.0]
    """
    if len(items) < 2:
        raise ParamsError(f"{where}: {', '.join(items)} cannot be rated alone: name two items or more")
    if not isinstance(document, list | tuple) or not document:
        raise ParamsError(f"{where} = {document!r}: write a list of rounds, each a map of experts")
    return [_round(panel, items, f"{where}[{i}]") for i, panel in enumerate(document, 1)]


def _round(panel: Any, items: Sequence[str], where: str) -> pd.DataFrame:
    if not isinstance(panel, Mapping) or len(panel) < 2:
        raise ParamsError(f"{where} = {panel!r}: write a map of two experts or more to their ratings")
    rows = {str(expert): _ratings(rated, items, f"{where}.{expert}") for expert, rated in panel.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(items))


def _ratings(rated: Any, items: Sequence[str], where: str) -> list[float]:
    if not isinstance(rated, Mapping):
        raise ParamsError(f"{where} = {rated!r}: write a map of items to ratings")
    for item in rated:
        if item not in items:
            raise ParamsError(f"{where}: {item!r} is not rated here: {did_you_mean(str(item), items)}")
    for item in items:
        value = rated.get(item)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < np.inf:
            raise ParamsError(f"{where}.{item} = {value!r}: rate every item with a number of 0 or more")
    if not any(rated.values()):
        raise ParamsError(f"{where} rates every item 0: rate at least one higher, or leave this expert out")
    return [float(rated[item]) for item in items]


@dataclass(frozen=True)
class Delphi:
    """Results of the rounds of a panel.

    Attributes
    ----------
    rounds : sequence of pandas.DataFrame
        As returned by :func:`parse_rounds`.
    """

    rounds: Sequence[pd.DataFrame]

    @property
    def weights(self) -> dict[str, float]:
        """Mean rating of each item in the last round, normalised to sum to 1."""
        means = self.rounds[-1].mean()
        return {str(item): float(weight) for item, weight in (means / means.sum()).items()}

    def agreement(self) -> pd.DataFrame:
        """Kendall's W of each round: ``round, experts, w, chi_square, degrees_of_freedom, p_value``."""
        rows = [
            {"round": i, "experts": len(ratings)} | concordance(ratings.to_numpy())._asdict()
            for i, ratings in enumerate(self.rounds, 1)
        ]
        return pd.DataFrame(rows)

    def spread(self) -> pd.DataFrame:
        """Mean rating and coefficient of variation of each item in each round.

        ``round, item, mean, coefficient_of_variation`` (sample standard deviation over the mean; 0 if all
        ratings are 0).
        """
        tables = []
        for i, ratings in enumerate(self.rounds, 1):
            table = pd.DataFrame({"mean": ratings.mean(), "coefficient_of_variation": _variation(ratings)})
            tables.append(table.rename_axis("item").reset_index().assign(round=i))
        return pd.concat(tables, ignore_index=True)[["round", "item", "mean", "coefficient_of_variation"]]

    def verdict(self) -> tuple[Verdict, str]:
        """Determine whether another round is needed.

        *converged*: in the last round W is at least 0.7 (strong agreement: Schmidt 1997, Managing Delphi
        surveys using nonparametric statistical techniques, Decision Sciences 28, 763-774) and significant
        (p < 0.05), and no coefficient of variation is above 0.5 (a good degree of consensus: English & Keran
        1976, The prediction of air travel and aircraft technology to the year 2000 using the Delphi method,
        Transportation Research 10, 1-8). *stable*: not converged, but neither W nor any coefficient changed
        by 0.05 or more since the previous round, so more rounds would not help (stability as the stopping
        criterion: Dajani, Sincoff & Talley 1979, Technological Forecasting and Social Change 13, 83-90; the
        0.05 is our choice). *open*: another round may bring agreement. Returns the verdict and the reason.
        """
        w = [concordance(ratings.to_numpy()) for ratings in self.rounds[-2:]]
        spread = [_variation(ratings) for ratings in self.rounds[-2:]]
        widest = float(spread[-1].max())
        agreed = Note("concordance", w=w[-1].w, p=w[-1].p_value) if w[-1].w >= 0.0 else Note("no_ranking")
        item = Names([str(spread[-1].round(_DECIMALS).idxmax())])
        reason = Note("last_round", round=len(self.rounds), agreed=agreed, widest=widest, item=item)
        if w[-1].w >= STRONG and w[-1].p_value < SIGNIFICANT and widest <= SPREAD:
            return "converged", reason
        if len(w) > 1 and np.nanmax([abs(w[1].w - w[0].w), *(spread[1] - spread[0]).abs()]) < CHANGE:
            return "stable", Note("no_change", reason=reason, change=CHANGE)
        return "open", reason

    def draw(self, count: int, *, seed: int) -> Floats:
        """Bootstrap weights, shape (count, n_items), from the panel of the last round."""
        ratings = self.rounds[-1].to_numpy()
        rows = np.random.default_rng(seed).integers(0, len(ratings), size=(count, len(ratings)))
        means = ratings[rows].mean(axis=1)
        weights: Floats = means / means.sum(axis=1, keepdims=True)
        return weights


def _variation(ratings: pd.DataFrame) -> pd.Series[float]:
    """Coefficient of variation of each item."""
    mean = ratings.mean()
    variation: pd.Series[float] = (ratings.std() / mean.where(mean > 0.0)).fillna(0.0)
    return variation
