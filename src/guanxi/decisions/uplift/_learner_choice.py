"""Which learner: the simplest whose cross-validated loss is within one standard error of the lowest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from guanxi.decisions.uplift._coded_features import Coded
from guanxi.decisions.uplift._meta_learners import (
    LEARNERS,
    LOGISTIC,
    Campaign,
    Fitted,
    LogisticPair,
    fit_all,
    fit_logistic,
    fit_logistic_pair,
    fit_one,
)
from guanxi.decisions.uplift._ridge_logistic import chances

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

_FOLDS = 3


@dataclass(frozen=True)
class Learned:
    """The learner chosen on some customers and fitted to them.

    Attributes
    ----------
    learner : str
    fitted : Fitted
        Predicts the uplift.
    responses : LogisticPair
        Predicts the outcome of each arm; used for scores and for the response without treatment.
    buyers : LogisticRegression
        Predicts the outcome whatever the arm: who are the likeliest buyers.
    losses : pandas.DataFrame
        One row per learner, as in :func:`choose_learner`.
    """

    learner: str
    fitted: Fitted
    responses: LogisticPair
    buyers: LogisticRegression
    losses: pd.DataFrame

    def response(self, features: Coded) -> Floats:
        """Probability of the outcome with the arms mixed as in the campaign, shape (n,)."""
        return chances(self.buyers, features.design)


def learn(campaign: Campaign, seed: int) -> Learned:
    """Choose the learner by cross-validation on these customers only, and fit it to all of them."""
    losses = choose_learner(campaign, seed)
    learner = str(losses.loc[losses["chosen"], "learner"].iloc[0])
    responses = fit_logistic_pair(campaign)
    fitted = responses if learner == LOGISTIC else fit_one(learner, campaign, seed)
    return Learned(learner, fitted, responses, fit_logistic(campaign), losses)


def choose_learner(campaign: Campaign, seed: int) -> pd.DataFrame:
    """Compare the learners by cross-validation.

    The loss is the squared distance of the predicted uplift from the doubly robust score of the customer,
    whose expectation is the customer's uplift; it is a transformed-outcome loss with less noise. Chosen is
    the first learner of ``LEARNERS`` whose loss exceeds the lowest by at most one standard error of their
    difference.

    Returns
    -------
    pandas.DataFrame
        ``learner, loss, excess`` (over the lowest), ``standard_error`` (of the excess), ``chosen``.

    References
    ----------
    Athey, S. and Imbens, G. (2016), Recursive partitioning for heterogeneous causal effects, PNAS 113.
    Breiman, L. et al. (1984), Classification and regression trees (the one-standard-error rule).
    """
    losses = np.zeros((len(campaign), len(LEARNERS)))
    for held_out, rest in folds(campaign, _FOLDS, seed):
        part, customers = campaign.part(rest), campaign.part(held_out)
        scores = doubly_robust_scores(customers, fit_logistic_pair(part))
        fitted = fit_all(part, seed)
        for column, name in enumerate(LEARNERS):
            losses[held_out, column] = (scores - fitted[name].uplift(customers.features)) ** 2
    return _compared(losses)


def _compared(losses: Floats) -> pd.DataFrame:
    means = losses.mean(axis=0)
    excess = losses - losses[:, [int(np.argmin(means))]]
    errors = excess.std(axis=0, ddof=1) / np.sqrt(len(losses))
    table = pd.DataFrame(
        {"learner": LEARNERS, "loss": means, "excess": excess.mean(axis=0), "standard_error": errors}
    )
    table["chosen"] = table.index == int(np.argmax(excess.mean(axis=0) <= errors))
    return table


def doubly_robust_scores(campaign: Campaign, responses: LogisticPair) -> Floats:
    """Score each customer such that the mean over any group estimates the group's uplift.

    ``responses`` must come from other customers. With a known propensity the scores are unbiased whatever
    they predict.

    References
    ----------
    Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994), Estimation of regression coefficients when some
    regressors are not always observed, JASA 89.
    """
    without, treated = responses.responses(campaign.features)
    t, e, y = campaign.treated, campaign.propensity, campaign.outcome
    return np.asarray(treated - without + t * (y - treated) / e - (1.0 - t) * (y - without) / (1.0 - e))


def folds(campaign: Campaign, count: int, seed: int) -> Iterator[tuple[Places, Places]]:
    """Divide customers into folds with equal shares of each arm and outcome: held-out rows, and the rest."""
    fold = fold_numbers(campaign, count, seed)
    for number in range(count):
        yield np.flatnonzero(fold == number), np.flatnonzero(fold != number)


def fold_numbers(campaign: Campaign, count: int, seed: int) -> Places:
    """Draw the fold of each customer, shape (n,)."""
    random = np.random.default_rng(seed)
    order = np.lexsort([random.random(len(campaign)), campaign.outcome, campaign.treated])
    numbers = np.empty(len(campaign), dtype=np.int64)
    numbers[order] = np.arange(len(campaign)) % count
    return numbers
