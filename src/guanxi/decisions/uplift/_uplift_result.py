"""Uplift learned from a campaign: the model, and what held-out customers say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from guanxi.decisions.uplift import _uplift_checks as checks
from guanxi.decisions.uplift._coded_features import Coding, learn_coding
from guanxi.decisions.uplift._held_out_uplift import HeldOut, earlier_folds, hold_out, propensities
from guanxi.decisions.uplift._heterogeneity import Heterogeneity, heterogeneity
from guanxi.decisions.uplift._meta_learners import Campaign
from guanxi.decisions.uplift._policies import Comparison, compare
from guanxi.decisions.uplift._uplift_drivers import uplift_drivers
from guanxi.decisions.uplift._uplift_model import UpliftModel, fit_uplift_model, segment_names

Floats = NDArray[np.float64]


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
        Whether arms were assigned at random. If not, customers are weighted by their inverse probability of
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
    campaign, coding, arm_name = _read_campaign(table, arm, outcome, features)
    order = _order(campaign)
    campaign = campaign.part(order)
    if not randomised:
        campaign = replace(campaign, propensity=propensities(campaign, seed))
    held_out = hold_out(campaign, seed)
    test = heterogeneity(held_out, earlier_folds(campaign, held_out.fold, seed, held_out.last))
    model = fit_uplift_model(campaign, coding, test, seed)
    uplift = test.average + (test.spread if test.found else 0.0) * held_out.standardised
    segments = model.thresholds.divide(uplift, held_out.without) if test.found else None
    return UpliftResult(
        model=model,
        arm=arm_name,
        outcome=outcome,
        randomised=randomised,
        customers=len(campaign),
        treated=int(campaign.treated.sum()),
        test=test,
        learners=model.learned.losses,
        comparison=compare(campaign, held_out, uplift, segments, seed),
        held_out=_held_out_table(held_out, uplift, segments, table.index[order]).iloc[np.argsort(order)],
        drivers=uplift_drivers(model.learned, coding, campaign.features, test.spread, seed)
        if test.found
        else None,
    )


def _read_campaign(
    table: pd.DataFrame, arm: str, outcome: str, features: Sequence[str]
) -> tuple[Campaign, Coding, str]:
    """Check and code a campaign; also name its treated arm."""
    checks.check_features(features, arm, outcome)
    treated, arm_name = checks.read_arms(table, arm)
    y = checks.read_outcome(table, outcome)
    checks.check_numbers(y, treated, {"arm": arm_name, "outcome": outcome})
    coding = learn_coding(table, features)
    return Campaign(coding.code(table), treated, y, np.full(len(y), treated.mean())), coding, arm_name


def _order(campaign: Campaign) -> NDArray[np.int64]:
    """Sort customers by what is known of them, so that the order of the table changes nothing."""
    return np.lexsort([*campaign.features.trees.T, campaign.outcome, campaign.treated])


def _held_out_table(
    held_out: HeldOut, uplift: Floats, segments: NDArray[np.int64] | None, index: pd.Index
) -> pd.DataFrame:
    columns = {
        "fold": held_out.fold,
        "uplift": uplift,
        "response": held_out.without,
        "segment": segment_names(segments, index),
    }
    return pd.DataFrame(columns, index=index)
