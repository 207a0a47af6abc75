"""The model that predicts the uplift of customers, calibrated on held-out ones."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from guanxi.decisions.uplift._coded_features import Coded, Coding
from guanxi.decisions.uplift._held_out_uplift import centre_and_scale, standardise
from guanxi.decisions.uplift._heterogeneity import Heterogeneity
from guanxi.decisions.uplift._learner_choice import Learned, learn
from guanxi.decisions.uplift._meta_learners import Campaign, Fitted, fit_one
from guanxi.decisions.uplift._resampled_groups import LEVEL
from guanxi.decisions.uplift._response_segments import SEGMENTS, Thresholds

Floats = NDArray[np.float64]

_HALVES = 20


@dataclass(frozen=True)
class ScaledLearner:
    """A fitted learner, with mean and standard deviation of its predictions in the campaign."""

    fitted: Fitted
    centre: float
    scale: float

    def predict(self, features: Coded) -> Floats:
        """Predicted uplift in standard deviations from the mean, shape (n,)."""
        return standardise(self.fitted.uplift(features), self.centre, self.scale)


@dataclass(frozen=True)
class UpliftModel:
    """Predicts the uplift of customers.

    Attributes
    ----------
    learner : str
    coding : Coding
    learned : Learned
        Fitted to all customers of the campaign.
    scaled : tuple of ScaledLearner
        The learner fitted to all customers, and fitted again to random halves.
    test : Heterogeneity
        Its average and spread calibrate the predictions.
    thresholds : Thresholds
    """

    learner: str
    coding: Coding = field(repr=False)
    learned: Learned = field(repr=False)
    scaled: tuple[ScaledLearner, ...] = field(repr=False)
    test: Heterogeneity
    thresholds: Thresholds

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predict the uplift of customers.

        Parameters
        ----------
        features : pandas.DataFrame
            One row per customer, with the features of the campaign as of now.

        Returns
        -------
        pandas.DataFrame
            With the index of ``features``: ``uplift`` in probability, its ``standard_error``,
            ``uplift_lower, uplift_upper`` (95 %), ``response`` (probability without treatment) and
            ``segment``. If there is nothing to target, the uplift is the average one for everybody, and the
            segment is missing.
            Intervals leave out what the learner cannot represent, and are too narrow for some customers.

        Raises
        ------
        DataError
            If a feature is missing or of another kind.
        """
        coded = self.coding.code(features)
        response = self.learned.responses.responses(coded)[0]
        uplift, error = self._calibrated(coded)
        reach = norm.ppf(0.5 + LEVEL / 2.0) * error
        places = self.thresholds.divide(uplift, response) if self.test.found else None
        table = {
            "uplift": uplift,
            "standard_error": error,
            "uplift_lower": uplift - reach,
            "uplift_upper": uplift + reach,
            "response": response,
            "segment": segment_names(places, features.index),
        }
        return pd.DataFrame(table, index=features.index)

    def _calibrated(self, coded: Coded) -> tuple[Floats, Floats]:
        """Uplift and its standard error."""
        test = self.test
        variance = np.full(len(coded.trees), test.average_error**2)
        uplift = np.full(len(coded.trees), test.average)
        if test.found:
            z, *of_halves = (each.predict(coded) for each in self.scaled)
            uplift = uplift + test.spread * z
            variance += (z * test.spread_error) ** 2 + test.spread**2 * np.var(of_halves, axis=0, ddof=1)
        return uplift, np.sqrt(variance)


def fit_uplift_model(campaign: Campaign, coding: Coding, test: Heterogeneity, seed: int) -> UpliftModel:
    """Choose and fit the learner on all customers, and again on random halves for standard errors.

    The spread over halves drawn without replacement is that of the estimate on all customers: the variance of
    the difference of both is s2 (2/n - 1/n) (Politis, Romano & Wolf 1999, Subsampling).
    """
    learned = learn(campaign, seed)
    random, n = np.random.default_rng(seed), len(campaign)
    fitted = [learned.fitted]
    for _ in range(_HALVES if test.found else 0):
        half = np.sort(random.choice(n, n // 2, replace=False))
        fitted.append(fit_one(learned.learner, campaign.part(half), seed))
    return UpliftModel(
        learned.learner,
        coding,
        learned,
        tuple(ScaledLearner(each, *centre_and_scale(each.uplift(campaign.features))) for each in fitted),
        test,
        Thresholds(max(test.average, 0.0), float(_control_rate(campaign))),
    )


def _control_rate(campaign: Campaign) -> float:
    weight = (1.0 - campaign.treated) / (1.0 - campaign.propensity)
    return float(np.average(campaign.outcome, weights=weight))


def segment_names(places: NDArray[np.int64] | None, index: pd.Index) -> pd.Series:
    """Name the segments; all are missing without places."""
    names = None if places is None else np.array(SEGMENTS, dtype=object)[places]
    return pd.Series(names, index, dtype="str")
