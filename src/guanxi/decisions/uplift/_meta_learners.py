"""Four ways to learn the uplift of each customer from a campaign with a control arm.

All trees minimise squared error, so that their predictions and SHAP contributions are on the scale of the
outcome: differences of them are uplifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from guanxi.decisions.uplift._coded_features import Coded
from guanxi.decisions.uplift._ridge_logistic import chances, fit_ridge_logistic
from guanxi.models.boosting import Rows, grow

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

LOGISTIC = "logistic T-learner"
# From the simplest: the one-standard-error rule goes through them in this order.
LEARNERS = (LOGISTIC, "S-learner", "T-learner", "X-learner")

# Chosen on simulated campaigns of 4,000 and 20,000 customers whose uplift is linear, a step, a parabola or
# the same for all: a penalty of 1,000 rows shrinks small leaves most. An S-learner that is held back as much
# never splits by the treatment.
_SETTINGS = {
    "learning_rate": 0.05,
    "num_leaves": 5,
    "min_child_samples": 200,
    "reg_lambda": 1000.0,
    "cat_smooth": 50.0,
}
_ROUNDS = 100
_SINGLE_SETTINGS = {**_SETTINGS, "reg_lambda": 10.0}
_SINGLE_ROUNDS = 200


@dataclass(frozen=True)
class Campaign:
    """Customers of two arms.

    Attributes
    ----------
    features : Coded
        Of n customers.
    treated, outcome : array of shape (n,)
        0 or 1.
    propensity : array of shape (n,)
        Probability of treatment.
    """

    features: Coded
    treated: Floats
    outcome: Floats
    propensity: Floats

    def part(self, rows: Places) -> Campaign:
        """Take some customers, again if a row is named again."""
        return Campaign(
            self.features.part(rows), self.treated[rows], self.outcome[rows], self.propensity[rows]
        )

    def __len__(self) -> int:
        return len(self.outcome)


class Fitted(Protocol):
    """A fitted learner."""

    def uplift(self, features: Coded) -> Floats:
        """Predict the expected outcome if treated less that if not, shape (n,)."""


@dataclass(frozen=True)
class LogisticPair:
    """Logistic T-learner: one logistic regression for each arm."""

    control: LogisticRegression
    treated: LogisticRegression

    def responses(self, features: Coded) -> tuple[Floats, Floats]:
        """Probability of the outcome without and with treatment."""
        return chances(self.control, features.design), chances(self.treated, features.design)

    def uplift(self, features: Coded) -> Floats:
        without, treated = self.responses(features)
        return treated - without


@dataclass(frozen=True)
class SingleTrees:
    """S-learner: trees on the features and the treatment."""

    both: Any

    def uplift(self, features: Coded) -> Floats:
        return predict_trees(self.both, with_arm(features, 1)) - predict_trees(
            self.both, with_arm(features, 0)
        )


@dataclass(frozen=True)
class TreePair:
    """T-learner: trees for each arm."""

    control: Any
    treated: Any

    def uplift(self, features: Coded) -> Floats:
        return predict_trees(self.treated, features.trees) - predict_trees(self.control, features.trees)


@dataclass(frozen=True)
class CrossedTrees:
    """X-learner: trees on the effects imputed to each arm, weighted by the mean share of the other arm."""

    of_controls: Any
    of_treated: Any
    treated_share: float

    def uplift(self, features: Coded) -> Floats:
        return self.treated_share * predict_trees(self.of_controls, features.trees) + (
            1.0 - self.treated_share
        ) * predict_trees(self.of_treated, features.trees)


def fit_logistic_pair(campaign: Campaign) -> LogisticPair:
    """Fit a logistic T-learner."""
    return LogisticPair(*(fit_logistic(campaign.part(_arm(campaign, arm))) for arm in (0, 1)))


def _fit_single_trees(campaign: Campaign, seed: int) -> SingleTrees:
    """Fit an S-learner."""
    X = with_arm(campaign.features, campaign.treated)
    rows = Rows(X, campaign.outcome)
    categorical = campaign.features.categorical
    return SingleTrees(
        grow(rows, "regression", _SINGLE_SETTINGS, _SINGLE_ROUNDS, seed, categorical=categorical)
    )


def _fit_tree_pair(campaign: Campaign, seed: int) -> TreePair:
    """Fit a T-learner."""
    return TreePair(*(_arm_trees(campaign.part(_arm(campaign, arm)), None, seed) for arm in (0, 1)))


def _fit_crossed_trees(campaign: Campaign, first: TreePair, seed: int) -> CrossedTrees:
    """Fit an X-learner on the effects imputed by a T-learner."""
    controls, treated = (campaign.part(_arm(campaign, arm)) for arm in (0, 1))
    imputed_controls = predict_trees(first.treated, controls.features.trees) - controls.outcome
    imputed_treated = treated.outcome - predict_trees(first.control, treated.features.trees)
    return CrossedTrees(
        _arm_trees(controls, imputed_controls, seed),
        _arm_trees(treated, imputed_treated, seed),
        float(campaign.propensity.mean()),
    )


def fit_all(campaign: Campaign, seed: int) -> dict[str, Fitted]:
    """Fit every learner; X starts from T."""
    pair = _fit_tree_pair(campaign, seed)
    return {
        LOGISTIC: fit_logistic_pair(campaign),
        "S-learner": _fit_single_trees(campaign, seed),
        "T-learner": pair,
        "X-learner": _fit_crossed_trees(campaign, pair, seed),
    }


def fit_one(learner: str, campaign: Campaign, seed: int) -> Fitted:
    """Fit one learner."""
    if learner == LOGISTIC:
        return fit_logistic_pair(campaign)
    if learner == "S-learner":
        return _fit_single_trees(campaign, seed)
    pair = _fit_tree_pair(campaign, seed)
    return pair if learner == "T-learner" else _fit_crossed_trees(campaign, pair, seed)


def with_arm(features: Coded, treated: Floats | int) -> Floats:
    """Append the treatment as last column."""
    return np.column_stack([features.trees, np.broadcast_to(treated, len(features.trees))])


def predict_trees(booster: Any, X: Floats) -> Floats:
    """Predict with one booster, in one thread: on a busy machine, threads that wait cost ten times more."""
    return np.asarray(booster.predict(X, num_threads=1), dtype=np.float64)


def _arm(campaign: Campaign, arm: int) -> Places:
    return np.flatnonzero(campaign.treated == arm)


def _arm_trees(part: Campaign, target: Floats | None, seed: int) -> Any:
    rows = Rows(part.features.trees, part.outcome if target is None else target)
    return grow(rows, "regression", _SETTINGS, _ROUNDS, seed, categorical=part.features.categorical)


def fit_logistic(part: Campaign) -> LogisticRegression:
    """Fit one logistic regression of the outcome on the features."""
    return fit_ridge_logistic(part.features.design, part.outcome)
