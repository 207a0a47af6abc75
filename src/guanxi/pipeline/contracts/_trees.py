"""Trees that correct the retention model's log odds of churning, kept only if they are better on a later window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.errors import FitError
from guanxi.models.boosting import Rows, grow
from guanxi.models.losses import logistic_loss
from guanxi.pipeline._base_learners import CHURN
from guanxi.pipeline.contracts._opportunity_rows import OpportunityRows, ahead_of_time
from guanxi.pipeline.contracts._retention import paired_by_customer
from guanxi.served.attribute_scorer import matrix
from guanxi.served.contracts.document import HazardTrees, RetentionModel
from guanxi.served.contracts.hazard_trees import LEAD, OWN, RENEWALS
from guanxi.served.contracts.retention_hazard import RetentionHazard

Floats = NDArray[np.float64]

_CLEAR_GAIN = 2.0  # standard errors
_MINIMUM_CHURNED = 30
# Those who stayed are sampled: 20 for each who left hold 95 % of the information.
_FEWEST_SAMPLED, _PER_CHURNED, _MOST_ROWS = 50_000, 20, 600_000
_LONGEST_LEAD = 60
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

    retention: RetentionModel
    features: tuple[str, ...]
    categorical: tuple[int, ...]
    longest: int
    settings: Mapping[str, Any]
    seed: int

    def grow(self, rows: Rows, rounds: int, later: Rows | None = None) -> Any:
        return grow(
            rows, "binary", self.settings, rounds, self.seed, later=later, categorical=self.categorical
        )

    def rows(self, rows: OpportunityRows) -> tuple[Rows, NDArray[np.int64]]:
        """Rows for LightGBM and the places they come from.

        With too many, those who stayed are sampled. Sampling by the outcome moves all log odds by the
        logarithm of the share kept, which goes into the offset (Prentice & Pyke 1979, Logistic disease
        incidence models and case-control studies, Biometrika 66(3)).
        """
        generator = np.random.default_rng(self.seed)
        origin, lead = ahead_of_time(rows, self.longest, generator)
        churned = rows.churned
        share, chosen = 1.0, np.arange(len(rows))
        most = min(max(_FEWEST_SAMPLED, (_PER_CHURNED + 1) * int(churned.sum())), _MOST_ROWS)
        if len(rows) > most:
            stayed = churned == 0
            share = max(most - (~stayed).sum(), most / 2) / stayed.sum()
            chosen = np.flatnonzero(~stayed | (generator.random(len(rows)) < share))
        table = rows.table.iloc[origin[chosen]].reset_index(drop=True)
        table[RENEWALS] = rows.table[RENEWALS].to_numpy()[chosen]
        offset = RetentionHazard(self.retention).next(table) - np.log(share)
        X = self.matrix(rows, table, lead[chosen])
        return Rows(X, churned[chosen], offset), chosen

    def matrix(self, rows: OpportunityRows, table: pd.DataFrame, lead: NDArray[np.int64]) -> Floats:
        known = {each.name: each for each in rows.attributes}
        own = {RENEWALS: table[RENEWALS].to_numpy(dtype=np.float64), LEAD: lead.astype(np.float64)}
        coded = [known[name] for name in self.features if name in known]
        columns = dict(zip([each.name for each in coded], matrix(table, coded).T, strict=True)) if coded else {}
        return np.column_stack([own[name] if name in own else columns[name] for name in self.features])


def fit_trees(
    rows: OpportunityRows,
    later: NDArray[np.bool_],
    retention: RetentionModel,
    retention_earlier: RetentionModel,
    settings: Mapping[str, Any],
    seed: int,
) -> FittedTrees:
    """Grow trees on the earlier rows, compare on the later ones, and refit to all rows if they are kept.

    Parameters
    ----------
    rows : OpportunityRows
    later : array of bool, shape (n,)
    retention, retention_earlier : RetentionModel
        Fitted to all rows, and to the earlier ones.
    settings : mapping
        As in ``churn.lightgbm``.
    seed : int
    """
    if min(rows.churned[later].sum(), rows.churned[~later].sum()) < _MINIMUM_CHURNED:
        return _none(f"fewer than {_MINIMUM_CHURNED} customers left before or in the later window")
    learner = _learner(rows, retention_earlier, settings, seed)
    try:
        return _compare(learner, rows, later, retention)
    except FitError as error:
        return _none(str(error))


def _learner(rows: OpportunityRows, retention: RetentionModel, settings: Mapping[str, Any], seed: int) -> _Learner:
    own = OWN if rows.dynamic else (RENEWALS,)
    names = (*(each.name for each in rows.attributes), *(name for name in own))
    categorical = tuple(place for place, each in enumerate(rows.attributes) if each.categories is not None)
    longest = min(_LONGEST_LEAD, int(rows.position.max()) + 1) if rows.dynamic else 1
    return _Learner(retention, names, categorical, longest, settings, seed)


def _compare(
    learner: _Learner, rows: OpportunityRows, later: NDArray[np.bool_], retention: RetentionModel
) -> FittedTrees:
    before, after = rows.part(~later), rows.part(later)
    training, _ = learner.rows(before)
    test, chosen = learner.rows(after)
    test = _centred(test)
    booster = learner.grow(training, int(learner.settings["n_estimators"]), test)
    rounds = max(1, int(booster.best_iteration))
    step = np.asarray(booster.predict(test.X, raw_score=True, num_iteration=rounds))
    assert test.offset is not None
    alone = logistic_loss(test.y, test.offset)
    corrected = logistic_loss(test.y, _levelled(test.offset + step, test.y))
    gain, error = paired_by_customer(alone - corrected, after.customers[chosen])
    losses = float(corrected.mean()), float(alone.mean())
    if gain <= _CLEAR_GAIN * error:
        return _none(f"no clear gain from trees ({gain:.5f} +- {error:.5f})", *losses)
    final = _Learner(**{**vars(learner), "retention": retention})
    everything, _ = final.rows(rows)
    grown = final.grow(everything, rounds)
    assert everything.offset is not None
    score = everything.offset + np.asarray(grown.predict(everything.X, raw_score=True))
    level = CHURN.level(score, np.ones(len(score)), float(everything.y.mean()))
    leads = tuple(each for each in _leads(rows, final.longest))
    reason = f"corrected by trees: log loss {losses[0]:.5f} ({losses[1]:.5f} without; gain {gain:.5f} +- {error:.5f})"
    return FittedTrees(HazardTrees(final.features, leads, level), [grown.model_to_string()], *losses, reason)


def _leads(rows: OpportunityRows, longest: int) -> list[int]:
    """Places at which to evaluate the trees: as far as the renewals, and the leads, of the training rows go."""
    most = max(longest, int(rows.table[RENEWALS].max()) + 1)
    return [1, *(each for each in _GRID[1:] if each <= most)]


def _centred(rows: Rows) -> Rows:
    assert rows.offset is not None
    return Rows(rows.X, rows.y, _levelled(rows.offset, rows.y), rows.weight)


def _levelled(score: Floats, churned: Floats) -> Floats:
    """Score moved to the observed share of those who left: the level of a window says nothing of who leaves."""
    return score + CHURN.level(score, np.ones(len(score)), float(churned.mean()))


def _none(reason: str, loss: float = float("nan"), alone: float = float("nan")) -> FittedTrees:
    return FittedTrees(None, [], loss, alone, f"retention model alone: {reason}")
