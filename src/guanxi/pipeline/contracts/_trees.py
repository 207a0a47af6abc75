"""Trees that correct the log odds of churning, kept only if they are better on a later window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.models.boosting import Rows, grow
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, sampled_rows
from guanxi.pipeline.contracts._hazard_choice import paired_by_customer
from guanxi.served.attribute_scorer import matrix
from guanxi.served.contracts.document import HazardTrees
from guanxi.served.contracts.hazard import BlendedHazard
from guanxi.served.contracts.hazard_trees import LEAD, OWN, RENEWALS

Floats = NDArray[np.float64]

_CLEAR_GAIN = 2.0  # standard errors
_MINIMUM_CHURNED = 30
_GRID = (1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 60, 84, 120)


@dataclass(frozen=True)
class FittedTrees:
    """Trees that correct the hazard, or none, and why.

    Attributes
    ----------
    model : HazardTrees or None
    texts : list of str
    loss, loss_alone : float
        Mean log loss of an opportunity in the later window, with the trees and without; NaN if not compared.
    reason : str
    """

    model: HazardTrees | None
    texts: list[str]
    loss: float
    loss_alone: float
    reason: str


@dataclass(frozen=True)
class _Learner:
    """Everything but the rows that trees are grown from."""

    hazard: BlendedHazard
    features: tuple[str, ...]
    categorical: tuple[int, ...]
    settings: Mapping[str, Any]
    seed: int

    def grow(self, rows: Rows, rounds: int, later: Rows | None = None) -> Any:
        return grow(
            rows, "binary", self.settings, rounds, self.seed, later=later, categorical=self.categorical
        )

    def rows(self, rows: OpportunityRows) -> Rows:
        """Sampled rows for LightGBM."""
        chosen = sampled_rows(rows, self.seed)
        offset = self.hazard.next(chosen.table) + chosen.offset
        return Rows(self.matrix(rows, chosen.table, chosen.lead), chosen.churned, offset)

    def test(self, rows: OpportunityRows) -> tuple[Rows, NDArray[np.int64]]:
        """Sampled rows weighted by the opportunities they stand for, at their own level, and their places."""
        chosen = sampled_rows(rows, self.seed)
        offset = _levelled(self.hazard.next(chosen.table), chosen.churned, chosen.weight)
        X = self.matrix(rows, chosen.table, chosen.lead)
        return Rows(X, chosen.churned, offset, chosen.weight), chosen.places

    def matrix(self, rows: OpportunityRows, table: pd.DataFrame, lead: NDArray[np.int64]) -> Floats:
        known = {each.name: each for each in rows.attributes}
        own = {RENEWALS: table[RENEWALS].to_numpy(dtype=np.float64), LEAD: lead.astype(np.float64)}
        coded = [known[name] for name in self.features if name in known]
        columns = dict(zip([each.name for each in coded], matrix(table, coded).T, strict=True)) if coded else {}
        return np.column_stack([own[name] if name in own else columns[name] for name in self.features])


def fit_trees(
    rows: OpportunityRows,
    later: NDArray[np.bool_],
    hazard: BlendedHazard,
    hazard_earlier: BlendedHazard,
    settings: Mapping[str, Any],
    seed: int,
) -> FittedTrees:
    """Grow trees on the earlier rows, compare on the later ones, and refit to all rows if they are kept.

    Parameters
    ----------
    rows : OpportunityRows
    later : array of bool, shape (n,)
    hazard, hazard_earlier : BlendedHazard
        Without trees, fitted to all rows, and to the earlier ones.
    settings : mapping
        As in ``churn.lightgbm``.
    seed : int
    """
    if min(rows.churned[later].sum(), rows.churned[~later].sum()) < _MINIMUM_CHURNED:
        return _none(f"fewer than {_MINIMUM_CHURNED} customers left before or in the later window")
    try:
        return _compare(_learner(rows, hazard_earlier, settings, seed), rows, later, hazard)
    except FitError as error:
        return _none(str(error))


def _learner(rows: OpportunityRows, hazard: BlendedHazard, settings: Mapping[str, Any], seed: int) -> _Learner:
    own = OWN if rows.dynamic else (RENEWALS,)
    categorical = tuple(place for place, each in enumerate(rows.attributes) if each.categories is not None)
    return _Learner(hazard, (*(each.name for each in rows.attributes), *own), categorical, settings, seed)


def _compare(
    learner: _Learner, rows: OpportunityRows, later: NDArray[np.bool_], hazard: BlendedHazard
) -> FittedTrees:
    before, after = rows.part(~later), rows.part(later)
    training = learner.rows(before)
    test, places = learner.test(after)
    assert test.offset is not None
    assert test.weight is not None
    booster = learner.grow(training, int(learner.settings["n_estimators"]), test)
    rounds = max(1, int(booster.best_iteration))
    step = np.asarray(booster.predict(test.X, raw_score=True, num_iteration=rounds))
    alone = logistic_loss(test.y, test.offset) * test.weight / test.weight.mean()
    corrected = logistic_loss(test.y, _levelled(test.offset + step, test.y, test.weight))
    corrected = corrected * test.weight / test.weight.mean()
    gain, error = paired_by_customer(alone - corrected, after.customers[places])
    losses = float(corrected.mean()), float(alone.mean())
    if gain <= _CLEAR_GAIN * error:
        return _none(f"no clear gain from trees ({gain:.5f} +- {error:.5f})", *losses)
    final = replace(learner, hazard=hazard)
    everything = final.rows(rows)
    grown = final.grow(everything, rounds)
    assert everything.offset is not None
    score = everything.offset + np.asarray(grown.predict(everything.X, raw_score=True))
    level = CHURN.level(score, np.ones(len(score)), float(everything.y.mean()))
    leads = tuple(_leads(rows, rows.longest_lead))
    reason = f"corrected by trees: log loss {losses[0]:.5f} ({losses[1]:.5f} without; gain {gain:.5f} +- {error:.5f})"
    return FittedTrees(HazardTrees(final.features, leads, level), [grown.model_to_string()], *losses, reason)


def _leads(rows: OpportunityRows, longest: int) -> list[int]:
    """Places at which to evaluate the trees: as far as the renewals, and the leads, of the training rows go."""
    most = max(longest, int(rows.table[RENEWALS].max()) + 1)
    return [1, *(each for each in _GRID[1:] if each <= most)]


def _levelled(score: Floats, churned: Floats, weight: Floats) -> Floats:
    """Score moved to the observed share of those who left: the level of a window says nothing of who leaves."""
    return score + CHURN.level(score, weight, float(np.average(churned, weights=weight)))


def _none(reason: str, loss: float = float("nan"), alone: float = float("nan")) -> FittedTrees:
    return FittedTrees(None, [], loss, alone, f"no trees: {reason}")
