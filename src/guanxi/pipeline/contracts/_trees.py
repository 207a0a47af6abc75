"""Trees that correct the log odds of churning, kept only if they are better on a later window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.models.boosting import Rows, grow
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._hazard_choice import HazardChoice, paired_by_customer
from guanxi.pipeline.contracts._opportunity_rows import (
    OpportunityRows,
    enough_churned,
    learnt_from,
    sampled_rows,
)
from guanxi.served.attribute_scorer import matrix
from guanxi.served.contracts.document import HazardTrees
from guanxi.served.contracts.hazard import BlendedHazard
from guanxi.served.contracts.hazard_trees import LEAD, OWN, RENEWALS

Floats = NDArray[np.float64]

_CLEAR_GAIN = 2.0  # standard errors
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
        """Sample rows for LightGBM."""
        chosen = sampled_rows(rows, self.seed)
        offset = self.hazard.next(chosen.table) + chosen.offset
        return Rows(self.matrix(rows, chosen.table, chosen.lead), chosen.churned, offset)

    def test(self, rows: OpportunityRows) -> tuple[Rows, NDArray[np.int64]]:
        """Sample rows weighted by the opportunities they stand for, at their own level, and their places."""
        chosen = sampled_rows(rows, self.seed)
        offset = _levelled(self.hazard.next(chosen.table), chosen.churned, chosen.weight)
        X = self.matrix(rows, chosen.table, chosen.lead)
        return Rows(X, chosen.churned, offset, chosen.weight), chosen.places

    def matrix(self, rows: OpportunityRows, table: pd.DataFrame, lead: NDArray[np.int64]) -> Floats:
        known = {each.name: each for each in rows.attributes}
        own = {RENEWALS: table[RENEWALS].to_numpy(dtype=np.float64), LEAD: lead.astype(np.float64)}
        coded = [known[name] for name in self.features if name in known]
        columns = (
            dict(zip([each.name for each in coded], matrix(table, coded).T, strict=True)) if coded else {}
        )
        return np.column_stack([own[name] if name in own else columns[name] for name in self.features])


def fit_trees(
    rows: OpportunityRows,
    parts: Sequence[NDArray[np.bool_]],
    choice: HazardChoice,
    settings: Mapping[str, Any],
    seed: int,
) -> FittedTrees:
    """Grow trees on the rows before each part, compare on it, and refit to all rows if they are kept.

    Parameters
    ----------
    rows : OpportunityRows
    parts : sequence of arrays of bool, shape (n,)
        From :func:`._opportunity_rows.usable_parts`.
    choice : HazardChoice
    settings : mapping
        As in ``churn.lightgbm``.
    seed : int
    """
    if not enough_churned(rows, parts[0]):
        return _none("too few customers left in the later window or before")
    try:
        return _compare(rows, parts, choice, settings, seed)
    except FitError as error:
        return _none(str(error))


def _learner(
    rows: OpportunityRows, hazard: BlendedHazard, settings: Mapping[str, Any], seed: int
) -> _Learner:
    own = OWN if rows.dynamic else (RENEWALS,)
    categorical = tuple(place for place, each in enumerate(rows.attributes) if each.categories is not None)
    return _Learner(hazard, (*(each.name for each in rows.attributes), *own), categorical, settings, seed)


def _compare(
    rows: OpportunityRows,
    parts: Sequence[NDArray[np.bool_]],
    choice: HazardChoice,
    settings: Mapping[str, Any],
    seed: int,
) -> FittedTrees:
    tried = [
        _try(rows, part, _learner(rows, before, settings, seed))
        for part, before in zip(parts, choice.before, strict=True)
    ]
    alone, corrected, weight = (np.concatenate(column) for column in list(zip(*tried, strict=True))[:3])
    customers = np.concatenate([each[3] for each in tried])
    gain, error = paired_by_customer(alone - corrected, weight, customers)
    losses = float(np.average(corrected, weights=weight)), float(np.average(alone, weights=weight))
    if gain <= _CLEAR_GAIN / len(parts) * error:
        return _none(f"no clear gain ({gain:.5f} +- {error:.5f})", *losses)
    learner = _learner(rows, choice.hazard, settings, seed)
    everything = learner.rows(rows)
    grown = learner.grow(everything, tried[0][4])
    assert everything.offset is not None
    score = everything.offset + np.asarray(grown.predict(everything.X, raw_score=True))
    level = CHURN.level(score, np.ones(len(score)), float(everything.y.mean()))
    model = HazardTrees(learner.features, tuple(_leads(rows)), level)
    reason = f"trees: log loss {losses[0]:.5f} ({losses[1]:.5f} without; gain {gain:.5f} +- {error:.5f})"
    return FittedTrees(model, [grown.model_to_string()], *losses, reason)


def _try(
    rows: OpportunityRows, part: NDArray[np.bool_], learner: _Learner
) -> tuple[Floats, Floats, Floats, NDArray[np.int64], int]:
    """Loss of each row of a part without and with the trees, weights, customers, and the number of trees."""
    training = learner.rows(rows.part(learnt_from(rows, part)))
    test, places = learner.test(rows.part(part))
    assert test.offset is not None
    assert test.weight is not None
    booster = learner.grow(training, int(learner.settings["n_estimators"]), test)
    rounds = max(1, int(booster.best_iteration))
    step = np.asarray(booster.predict(test.X, raw_score=True, num_iteration=rounds))
    corrected = _levelled(test.offset + step, test.y, test.weight)
    losses = [logistic_loss(test.y, score) for score in (test.offset, corrected)]
    return losses[0], losses[1], test.weight, rows.customers[part][places], rounds


def _leads(rows: OpportunityRows) -> list[int]:
    """Places at which to evaluate the trees: as far as renewals and leads of the training rows go."""
    most = max(rows.longest_lead, int(rows.table[RENEWALS].max()) + 1)
    return [1, *(each for each in _GRID[1:] if each <= most)]


def _levelled(score: Floats, churned: Floats, weight: Floats) -> Floats:
    """Move scores to the observed share of those who left: a level says nothing of who leaves."""
    return score + CHURN.level(score, weight, float(np.average(churned, weights=weight)))


def _none(reason: str, loss: float = float("nan"), alone: float = float("nan")) -> FittedTrees:
    return FittedTrees(None, [], loss, alone, f"no trees: {reason}")
