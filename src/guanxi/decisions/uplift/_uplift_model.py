"""The learned uplift: a model that predicts it, and what held-out customers say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from guanxi.decisions.uplift import _uplift_checks as checks
from guanxi.decisions.uplift._coded_features import Coded, Coding, learn_coding
from guanxi.decisions.uplift._held_out_uplift import (
    centre_and_scale,
    earlier_folds,
    hold_out,
    propensities,
    standardise,
)
from guanxi.decisions.uplift._heterogeneity import Heterogeneity, heterogeneity
from guanxi.decisions.uplift._learner_choice import Learned, learn
from guanxi.decisions.uplift._meta_learners import Campaign, Fitted, fit_one
from guanxi.decisions.uplift._policies import Comparison, compare
from guanxi.decisions.uplift._resampled_groups import LEVEL
from guanxi.decisions.uplift._response_segments import SEGMENTS, Thresholds
from guanxi.decisions.uplift._uplift_drivers import uplift_drivers

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

        Raises
        ------
        DataError
            If a feature is missing or of another kind.
        """
        coded = self.coding.code(features)
        response = self.learned.responses.responses(coded)[0]
        variance = np.full(len(features), self.test.average_error**2)
        uplift = np.full(len(features), self.test.average)
        if self.test.found:
            z, *of_halves = (each.predict(coded) for each in self.scaled)
            uplift = uplift + self.test.spread * z
            variance += (z * self.test.spread_error) ** 2
            variance += self.test.spread**2 * np.var(of_halves, axis=0, ddof=1)
        error = np.sqrt(variance)
        reach = norm.ppf(0.5 + LEVEL / 2.0) * error
        places = self.thresholds.divide(uplift, response)
        table = {
            "uplift": uplift,
            "standard_error": error,
            "uplift_lower": uplift - reach,
            "uplift_upper": uplift + reach,
            "response": response,
            "segment": _segment_names(places, features.index, self.test),
        }
        return pd.DataFrame(table, index=features.index)


@dataclass(frozen=True)
class UpliftResult:
    """An uplift model and its evaluation on held-out customers.

    Attributes
    ----------
    model : UpliftModel
    arm, outcome : str
        Name of the treated arm and of the outcome column.
    randomised : bool
    customers, treated : int
    test : Heterogeneity
        Whether there is anything to target.
    learners : pandas.DataFrame
        ``learner, loss, excess, standard_error, chosen``, cross-validated on all customers.
    comparison : Comparison
        Qini coefficients, deciles, policies and segments.
    held_out : pandas.DataFrame
        With the index of the campaign: ``fold, uplift`` (calibrated), ``response`` (without treatment),
        ``segment``.
    drivers : pandas.DataFrame or None
        ``feature, importance`` (mean absolute SHAP contribution to the uplift), ``most_at`` (the values with
        the highest mean contribution) and ``contribution`` (that mean); None if there is nothing to target.
    """

    model: UpliftModel
    arm: str
    outcome: str
    randomised: bool
    customers: int
    treated: int
    test: Heterogeneity
    learners: pd.DataFrame = field(repr=False)
    comparison: Comparison = field(repr=False)
    held_out: pd.DataFrame = field(repr=False)
    drivers: pd.DataFrame | None = field(repr=False)

    @property
    def worth_targeting(self) -> bool:
        """Whether customers differ in their uplift and the model finds which (test at 5 %)."""
        return self.test.found

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predict as :meth:`UpliftModel.predict`."""
        return self.model.predict(features)


def learn_uplift(
    table: pd.DataFrame,
    arm: str,
    outcome: str,
    features: Sequence[str],
    *,
    randomised: bool,
    seed: int,
) -> UpliftResult:
    """Learn from a campaign which customers respond because of it.

    A learner is chosen by cross-validation among logistic T-, S-, T- and X-learner. Every customer is held
    out once, from the choice of the learner too; all figures are of held-out customers.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer.
    arm : str
        Column of the arm: ``"control"``, False or 0, and one other value.
    outcome : str
        Column with 0 and 1, or False and True.
    features : sequence of str
        Columns known before the campaign: numbers, booleans, texts or categories, with gaps if need be.
    randomised : bool
        Whether arms were drawn by lot. If not, customers are weighted by their inverse probability of
        treatment, estimated from the features; what the features do not tell stays a bias.
    seed : int

    Raises
    ------
    DataError
        If a column is missing or of the wrong kind, there is no control or more than one other arm, or an
        arm has fewer than 50 customers with or without the outcome.

    References
    ----------
    Künzel, S. R., Sekhon, J. S., Bickel, P. J. and Yu, B. (2019), Metalearners for estimating heterogeneous
    treatment effects using machine learning, PNAS 116 (S-, T- and X-learner).

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> random = np.random.default_rng(1)
    >>> young, treated = random.random(4000) < 0.5, random.random(4000) < 0.5
    >>> bought = random.random(4000) < 0.1 + 0.2 * young * treated
    >>> table = pd.DataFrame({"young": young, "treated": treated, "bought": bought})
    >>> found = learn_uplift(table, "treated", "bought", ["young"], randomised=True, seed=1)
    >>> found.worth_targeting, found.model.learner
    (True, 'logistic T-learner')
    >>> found.predict(pd.DataFrame({"young": [True, False]}))["segment"].tolist()
    ['persuadables', 'sure_things']
    """
    with threadpool_limits(1):  # one thread is faster on operations this small
        return _learn_uplift(table, arm, outcome, features, randomised=randomised, seed=seed)


def _learn_uplift(
    table: pd.DataFrame, arm: str, outcome: str, features: Sequence[str], *, randomised: bool, seed: int
) -> UpliftResult:
    checks.check_features(features, arm, outcome)
    treated, arm_name = checks.read_arms(table, arm)
    y = checks.read_outcome(table, outcome)
    checks.check_numbers(y, treated, {"arm": arm_name, "outcome": outcome})
    coding = learn_coding(table, features)
    campaign = Campaign(coding.code(table), treated, y, np.full(len(y), treated.mean()))
    order = _order(campaign)
    campaign = campaign.part(order)
    if not randomised:
        campaign = replace(campaign, propensity=propensities(campaign, seed))
    held_out = hold_out(campaign, seed)
    test = heterogeneity(held_out, earlier_folds(campaign, held_out.fold, seed, held_out.last))
    model = _model(campaign, coding, test, seed)
    calibrated = test.average + (test.spread if test.found else 0.0) * held_out.standardised
    places = model.thresholds.divide(calibrated, held_out.without)
    predicted = {
        "fold": held_out.fold,
        "uplift": calibrated,
        "response": held_out.without,
        "segment": _segment_names(places, table.index[order], test),
    }
    return UpliftResult(
        model=model,
        arm=arm_name,
        outcome=outcome,
        randomised=randomised,
        customers=len(y),
        treated=int(treated.sum()),
        test=test,
        learners=model.learned.losses,
        comparison=compare(campaign, held_out, calibrated, (places, SEGMENTS) if test.found else None, seed),
        held_out=pd.DataFrame(predicted, index=table.index[order]).iloc[np.argsort(order)],
        drivers=uplift_drivers(model.learned, coding, campaign.features, test.spread, seed)
        if test.found
        else None,
    )


def _order(campaign: Campaign) -> NDArray[np.int64]:
    """Sort customers by what is known of them, so that the order of the table changes nothing."""
    return np.lexsort([*campaign.features.trees.T, campaign.outcome, campaign.treated])


def _segment_names(places: NDArray[np.int64], index: pd.Index, test: Heterogeneity) -> pd.Series:
    """Name the segments; all missing if there is nothing to target."""
    names = np.array(SEGMENTS, dtype=object)[places]
    return pd.Series(names if test.found else None, index, dtype="str")


def _model(campaign: Campaign, coding: Coding, test: Heterogeneity, seed: int) -> UpliftModel:
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
