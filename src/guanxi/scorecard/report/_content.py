"""Content of a scorecard for the page and the workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.params import Params
from guanxi.report.page import check_columns
from guanxi.scorecard._history import History
from guanxi.scorecard._notes import said
from guanxi.scorecard._result import ScoredDay
from guanxi.scorecard.indicators import CATALOGUE, Indicator, catalogue_with, own_labels
from guanxi.scorecard.report._page_words import page_words
from guanxi.scorecard.scoring._relationship import Relationship
from guanxi.scorecard.weights._weighting import is_usual, scorecard_tree
from guanxi.served.texts import Language, number, percent, texts

_SEGMENTATIONS = ("rfm_segments", "contract_segments", "matrix_cells", "lifecycle_stages")
_PREDICTED = (
    "clv", "clv_lower", "clv_upper", "clv_sum", "clv_mean", "churn_probability", "churn_mean",
    "expected_purchases",
)  # fmt: skip
_SURE = 0.9  # share of draws in which a customer with a stable tier keeps it
_COLUMNS = {"table": ("customer_id", "score", "tier"), "weights": ("indicator", "dimension", "weight")}


@dataclass(frozen=True)
class ScorecardReport:
    """Content of a scorecard.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per customer: ``customer_id, score`` (0 to 100)``, tier``; if known
        ``<dimension>_score, <indicator>_points, clv, churn_probability``.
    weights : pandas.DataFrame
        ``indicator, dimension, weight`` (global, adding up to 1) and, for each combined method, a column with
        its weights and the displayed heading as its name.
    method : str
        Description of the weighting, in the language of the page.
    consistency : mapping of str to float
        Consistency ratio of each branch with pairwise judgements; empty without any.
    notes : sequence of str
        One sentence each on absent, constant or renormalised indicators.
    labels : mapping of str to str
        Labels of indicators and dimensions in the language of the page; default: their names.
    catalogue : mapping of str to Indicator
        With the business's own indicators.
    language : {"en", "zh"}
    migration : pandas.DataFrame, optional
        Customers by earlier tier (rows) and current tier (columns), with ``came`` and ``left``.
    kept : array of float, optional
        Share of weight draws in which each customer keeps the tier; NaN without a tier.
    draws : int
        Number of draws.
    """

    table: pd.DataFrame = field(repr=False)
    weights: pd.DataFrame = field(repr=False)
    method: str
    consistency: Mapping[str, float]
    notes: Sequence[str]
    labels: Mapping[str, str]
    language: Language
    catalogue: Mapping[str, Indicator] = field(default_factory=lambda: CATALOGUE, repr=False)
    migration: pd.DataFrame | None = None
    kept: ArrayLike | None = field(default=None, repr=False)
    draws: int = 0

    @cached_property
    def words(self) -> dict[str, str]:
        """Texts of the page."""
        return page_words(self.language)

    @property
    def methods(self) -> list[str]:
        """Names of the combined methods."""
        return [str(name) for name in self.weights.columns if name not in _COLUMNS["weights"]]

    def label(self, name: object) -> str:
        """Label of an indicator or dimension: as given, from the texts of the page, or its name."""
        name = str(name)
        return self.labels.get(name) or self.words.get(f"dimension_{name}") or name.replace("_", " ")

    def unit(self, name: str) -> str:
        """Name the unit of an indicator; empty if unknown."""
        units = texts("guanxi.scorecard.indicators", self.language)["units"]
        if name not in self.catalogue:
            return ""
        unit = self.catalogue[name].unit  # of an own indicator: as declared
        return str(units.get(unit, unit))

    def period(self, name: str) -> str:
        """Name the period of an indicator or of a predicted column; empty if unknown."""
        key = (
            self.catalogue[name].period if name in self.catalogue else "horizon" if name in _PREDICTED else ""
        )
        days = next(iter(self.table.get("horizon_days", ())), None)
        if not key or (key == "horizon" and (days is None or pd.isna(days))):
            return ""
        periods = texts("guanxi.scorecard.indicators", self.language)["periods"]
        return str(periods[key].format(days=days))

    def heading(self, name: str, label: str) -> str:
        """Label of a column, with its period if that is limited."""
        limited = name in _PREDICTED or (
            name in self.catalogue and self.catalogue[name].period in ("horizon", "last_year")
        )
        period = self.period(name) if limited else ""
        return self.words["label_when"].format(label=label, period=period) if period else label

    def method_text(self) -> str:
        """Sentence on the weighting; empty if unknown."""
        return self.words["weights_note"].format(method=self.method) if self.method else ""

    def consistency_text(self) -> str:
        """Sentence on the consistency of the judgements; empty without judgements."""
        if not self.consistency:
            return ""
        ratios = "; ".join(
            f"{self.label(name)} {number(ratio, 3)}" for name, ratio in self.consistency.items()
        )
        return self.words["consistency_text"].format(ratios=ratios)

    def stability_text(self) -> str:
        """Sentence on the stability of the tiers under random weights; empty if not assessed."""
        shares = np.asarray([] if self.kept is None else self.kept, dtype=float)
        shares = shares[~np.isnan(shares)]
        if not len(shares):
            return ""
        return self.words["stability_text"].format(
            draws=number(self.draws),
            mean=percent(float(shares.mean())),
            sure=percent(float((shares >= _SURE).mean())),
            level=percent(_SURE),
        )

    def check(self) -> None:
        """Check that the tables have their columns; DataError if not."""
        check_columns(self, _COLUMNS, "scorecard")

    def ordered_weights(self) -> pd.DataFrame:
        """Sort weights by dimension weight, then by indicator weight, in descending order."""
        heaviest = self.weights.groupby("dimension")["weight"].transform("sum")
        keys = pd.DataFrame(
            {"of": -heaviest, "by": self.weights["dimension"], "own": -self.weights["weight"]}
        )
        return self.weights.loc[keys.sort_values(["of", "by", "own"], kind="stable").index]


def report_content(scored: ScoredDay, params: Params, history: History | None = None) -> ScorecardReport:
    """Collect the content of page and workbook."""
    found = scored.relationship
    labels = _labels(params.language) | own_labels(params.scorecard.indicators)
    consistency: dict[str, float] = {}
    if found.weighting.consistency is not None:
        largest = found.weighting.consistency.groupby("node", sort=False)["consistency_ratio"].max()
        consistency = {str(node): float(ratio) for node, ratio in largest.items()}
    return ScorecardReport(
        table=scored.customers,
        weights=_weights_table(found, params),
        method=weighing_method(params),
        consistency=consistency,
        notes=[said(note, params.language, lambda name: labels.get(name, name)) for note in scored.notes],
        labels=labels,
        catalogue=catalogue_with(params.scorecard.indicators),
        language=params.language,
        migration=history.latest.counts if history else None,
        kept=found.stability.kept if found.stability else None,
        draws=found.stability.draws if found.stability else 0,
    )


def _labels(language: Language) -> dict[str, str]:
    """Labels of indicators, dimensions and segments in a language."""
    segments, named = texts("guanxi.segments", language), texts("guanxi.scorecard.indicators", language)
    tables = (named["indicators"], *(segments[name] for name in _SEGMENTATIONS), named["dimensions"])
    return {name: label for table in tables for name, label in table.items()}


def weighing_method(params: Params) -> str:
    """Describe the weighting method."""
    weights, words = params.scorecard.weights, page_words(params.language)
    if weights.accepted:
        return words["method_accepted"]
    given = weights.judgements or weights.method in ("direct", "delphi")
    tree = scorecard_tree(params.scorecard.tree, params.scorecard.indicators)
    default = "usual" if is_usual(tree) else "alike"
    judged = words[f"method_{weights.method if given else default}"]
    if weights.data is None:
        return judged
    if weights.share == 0.0 and weights.combine != "least_squares":
        return words[f"method_{weights.data}"]
    return f"{judged} + {words[f'method_{weights.data}']} ({words[f'method_{weights.combine}']})"


def _weights_table(found: Relationship, params: Params) -> pd.DataFrame:
    """Weight of each indicator, in total and for each combined method."""
    weighing = found.weighting
    table = pd.DataFrame(
        {
            "indicator": list(weighing.weights),
            "dimension": [weighing.dimensions[name] for name in weighing.weights],
            "weight": list(weighing.weights.values()),
        }
    )
    if weighing.data is not None:
        words = page_words(params.language)
        own = {params.scorecard.weights.method: weighing.judged, weighing.data.method: weighing.data.weights}
        for method, weights in own.items():
            heading = words.get(f"method_{method}", method)
            table[heading] = [weights.get(name, 0.0) for name in weighing.weights]
    return table
