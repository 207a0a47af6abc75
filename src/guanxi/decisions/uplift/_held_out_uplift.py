"""Cross-fitting: every customer's uplift from a model that has not seen this customer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from guanxi.decisions.uplift._learner_choice import (
    Learned,
    doubly_robust_scores,
    fold_numbers,
    folds,
    learn,
)
from guanxi.decisions.uplift._meta_learners import Campaign
from guanxi.decisions.uplift._ridge_logistic import chances, fit_ridge_logistic

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

FOLDS = 5
_EXTREME = 0.05
_NO_SPREAD = 1e-12


@dataclass(frozen=True)
class HeldOut:
    """Predictions of held-out customers, in the order of the campaign; arrays have shape (n,).

    Attributes
    ----------
    fold : array of int
    uplift : array
        Predicted, not calibrated.
    without : array
        Probability of the outcome without treatment.
    score : array
        Doubly robust score.
    uplift_rank, response_rank : array
        Rank of the predicted uplift and of the predicted response within the fold, from 0 (lowest) to 1:
        models of different folds are compared by rank only.
    last : Learned
        The model of the last fold, learned on all others.
    """

    fold: Places
    uplift: Floats
    without: Floats
    score: Floats
    uplift_rank: Floats
    response_rank: Floats
    last: Learned

    @property
    def standardised(self) -> Floats:
        """Predicted uplift in standard deviations of the fold from its mean; 0 if the fold has no spread.

        Learners shrink their predictions by different degrees, and folds may have different learners.
        """
        values = np.empty_like(self.uplift)
        for number in range(FOLDS):
            rows = self.fold == number
            values[rows] = standardise(self.uplift[rows], *centre_and_scale(self.uplift[rows]))
        return values


def centre_and_scale(uplift: Floats) -> tuple[float, float]:
    """Mean and standard deviation."""
    return float(uplift.mean()), float(uplift.std())


def standardise(uplift: Floats, centre: float, scale: float) -> Floats:
    """Express in standard deviations from the mean; 0 without spread.

    Examples
    --------
    >>> standardise(np.array([1.0, 3.0]), 2.0, 1.0).tolist()
    [-1.0, 1.0]
    """
    return np.asarray((uplift - centre) / scale) if scale > _NO_SPREAD else np.zeros_like(uplift)


def hold_out(campaign: Campaign, seed: int) -> HeldOut:
    """Choose and fit a learner outside of each fold, and predict the fold."""
    fold = fold_numbers(campaign, FOLDS, seed)
    columns = np.empty((5, len(campaign)))
    for number in range(FOLDS):
        held_out = np.flatnonzero(fold == number)
        learned = learn(campaign.part(np.flatnonzero(fold != number)), seed)
        columns[:, held_out] = _predicted(learned, campaign.part(held_out))
    uplift, without, score, uplift_rank, response_rank = columns
    return HeldOut(fold, uplift, without, score, uplift_rank, response_rank, learned)


def _predicted(learned: Learned, customers: Campaign) -> tuple[Floats, ...]:
    features = customers.features
    uplift = learned.fitted.uplift(features)
    return (
        uplift,
        learned.responses.responses(features)[0],
        doubly_robust_scores(customers, learned.responses),
        rankdata(uplift) / len(uplift),
        rankdata(learned.response(features)) / len(uplift),
    )


def earlier_folds(
    campaign: Campaign, fold: Places, seed: int, last: Learned | None = None
) -> Iterator[tuple[Floats, Floats]]:
    """Yield uplift and score of each fold but the first, predicted from the folds before it only.

    ``last`` is the model of the last fold, if it is there already.
    """
    for number in range(1, FOLDS):
        learned = last if number == FOLDS - 1 else None
        if learned is None:
            learned = learn(campaign.part(np.flatnonzero(fold < number)), seed)
        customers = campaign.part(np.flatnonzero(fold == number))
        yield (
            learned.fitted.uplift(customers.features),
            doubly_robust_scores(customers, learned.responses),
        )


def propensities(campaign: Campaign, seed: int) -> Floats:
    """Cross-fitted probability of treatment by the features, kept within 5 and 95 %; shape (n,)."""
    probability = np.empty(len(campaign))
    for held_out, rest in folds(campaign, FOLDS, seed):
        part = campaign.part(rest)
        model = fit_ridge_logistic(part.features.design, part.treated)
        probability[held_out] = chances(model, campaign.features.design[held_out])
    return np.clip(probability, _EXTREME, 1.0 - _EXTREME)
