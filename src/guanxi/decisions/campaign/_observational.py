"""Effects of a campaign that was not randomised, as far as the data support any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd
from scipy import special

from guanxi.decisions.campaign._difference_in_differences import Contrast, difference_in_differences
from guanxi.decisions.campaign._doubly_robust import (
    ATT,
    Assignment,
    assignment,
    differences_of_treated,
    doubly_robust,
)
from guanxi.decisions.campaign._observational_checks import compare_arms, negative_control, sensitivity
from guanxi.decisions.campaign._observational_input import Comparison, comparisons
from guanxi.decisions.campaign._observational_result import (
    DIFFERENCE,
    EFFECT,
    MEANS,
    TRENDS,
    Found,
    Note,
    ObservationalResult,
    collect,
    interval_of,
    p_value_text,
)
from guanxi.served.texts import number

__all__ = ["MEANS", "Note", "ObservationalResult", "observational_effects"]

FEWEST_FOR_WEIGHTING = 50  # customers in each arm


def observational_effects(
    table: pd.DataFrame,
    treated: str,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    *,
    before: Mapping[str, Sequence[str]] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> ObservationalResult:
    """Compare treated and untreated customers of a campaign that was not randomised.

    A doubly robust estimate is called an effect if the arms overlap, weighting balances the covariates, and
    the negative control (the outcome before the campaign, adjusted alike) shows nothing. A difference in
    differences, on the treated and of changes that are adjusted alike, is called an effect if a test does not
    reject equal trends before. All else is a difference.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per customer.
    treated : str
        Column with the arm: booleans (or 0 and 1), or names of arms of which one is ``control``. Each arm is
        compared with the control.
    outcomes : sequence of str
        Columns with outcomes after the campaign's date.
    covariates : sequence of str
        Columns known before that date; may be empty.
    before : mapping of str to sequence of str, optional
        For an outcome: columns with the same outcome in periods of equal length before the date, the earliest
        first. Those that are no covariates are the negative control.
    confidence : float
        Of each interval, and 1 less the level of the tests.
    seed : int
        Of the division for cross-fitting. The order of the rows changes nothing.

    Raises
    ------
    DataError
        If a column is absent or not numeric, an outcome is missing for a customer, there is no control or no
        treated arm, or an arm has fewer than 10 customers.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> random = np.random.default_rng(1)
    >>> loyal = random.normal(size=2000)
    >>> sent = random.random(2000) < 1 / (1 + np.exp(-loyal))
    >>> spend = 10 + 3 * loyal + 2 * sent + random.normal(size=2000)
    >>> table = pd.DataFrame({"sent": sent, "loyal": loyal, "spend": spend})
    >>> found = observational_effects(table, "sent", ["spend"], ["loyal"])
    >>> found.effects[["kind", "estimate"]].round(0).to_dict("list")
    {'kind': ['difference', 'effect', 'effect'], 'estimate': [4.0, 2.0, 2.0]}
    """
    found, z = Found(), float(special.ndtri(0.5 + confidence / 2.0))
    for comparison in comparisons(table, treated, outcomes, covariates, before or {}):
        for outcome in comparison.outcomes:
            _compare_means(found, comparison, outcome, z)
        contrast, comparable = _adjust(found, comparison, confidence, seed)
        for outcome in comparison.before:
            _compare_trends(found, comparison, outcome, confidence, contrast, comparable=comparable)
    return collect(found, list(outcomes), list(covariates))


def _effect(
    comparison: Comparison,
    outcome: str,
    method: str,
    kind: str,
    interval: dict[str, object],
    baseline: tuple[float, float],
) -> dict[str, object]:
    """Make a row; the baseline comes with the error of the ratio to it."""
    row = comparison.row(outcome, method) | {"kind": kind}
    known = {"baseline": baseline[0], "n": len(comparison.treated), "ratio_error": baseline[1]}
    return row | interval | known


def _compare_means(found: Found, comparison: Comparison, outcome: str, z: float) -> None:
    y = comparison.outcomes[outcome]
    having, without = y[comparison.treated], y[~comparison.treated]
    error = float(np.sqrt(having.var(ddof=1) / len(having) + without.var(ddof=1) / len(without)))
    interval = interval_of(float(having.mean() - without.mean()), error, z)
    baseline = float(without.mean()), np.nan
    found.effects.append(_effect(comparison, outcome, MEANS, DIFFERENCE, interval, baseline))


def _adjust(
    found: Found, comparison: Comparison, confidence: float, seed: int
) -> tuple[Contrast | None, bool]:
    """Add doubly robust estimates of all outcomes, with all that speaks for and against them.

    Return how to adjust further outcomes of the treated, None if that is impossible, and whether the treated
    have comparable controls.
    """
    covariates, treated = comparison.covariates, comparison.treated
    if covariates.columns.empty:
        found.warn("observational_no_covariates")
        return None, True
    fewest = min(int(treated.sum()), int((~treated).sum()))
    if fewest < FEWEST_FOR_WEIGHTING:
        found.warn(
            "observational_few", arm=comparison.arm, n=number(fewest), needed=number(FEWEST_FOR_WEIGHTING)
        )
        return None, False
    assigned = assignment(covariates.x, treated, seed)
    comparable = compare_arms(found, comparison, assigned, 1.0 - confidence)
    z = float(special.ndtri(0.5 + confidence / 2.0))
    for outcome, y in comparison.outcomes.items():
        suspect = negative_control(found, comparison, assigned, outcome, z)
        estimates = doubly_robust(covariates.x, y, assigned)
        for name, estimate in estimates.items():
            kind = EFFECT if name in comparable and name not in suspect else DIFFERENCE
            interval = interval_of(estimate.value, estimate.standard_error, z)
            method = f"doubly_robust_{name}"
            baseline = estimate.baseline, estimate.ratio_error
            found.effects.append(_effect(comparison, outcome, method, kind, interval, baseline))
        sensitivity(found, comparison, outcome, estimates, z)
    return _contrast(comparison, assigned, seed), ATT in comparable


def _contrast(comparison: Comparison, assigned: Assignment, seed: int) -> Contrast | None:
    """How to adjust changes of outcomes.

    Not for the outcomes before the campaign, which are what the test of earlier trends is about.
    """
    if not comparison.before:
        return None
    covariates = comparison.other_covariates
    if covariates.columns.empty:
        return None
    if len(covariates.covariate_of) < len(comparison.covariates.covariate_of):
        assigned = assignment(covariates.x, comparison.treated, seed)
    return partial(differences_of_treated, covariates.x, assigned=assigned)


def _compare_trends(
    found: Found,
    comparison: Comparison,
    outcome: str,
    confidence: float,
    contrast: Contrast | None,
    *,
    comparable: bool,
) -> None:
    names, values = comparison.before[outcome]
    z = float(special.ndtri(0.5 + confidence / 2.0))
    estimate = difference_in_differences(values, comparison.outcomes[outcome], comparison.treated, contrast)
    parallel = estimate.trend_p_value >= 1.0 - confidence
    interval = interval_of(estimate.value, estimate.standard_error, z)
    kind = EFFECT if parallel and comparable else DIFFERENCE
    baseline = estimate.baseline, estimate.ratio_error
    found.effects.append(_effect(comparison, outcome, TRENDS, kind, interval, baseline))
    for name, value, error in zip(names, estimate.trend_differences, estimate.trend_errors, strict=False):
        found.trends.append(
            {"outcome": outcome, "arm": comparison.arm, "period": name}
            | interval_of(float(value), float(error), z)
            | {"p_value": estimate.trend_p_value}
        )
    if np.isnan(estimate.trend_p_value):
        found.warn("observational_trend_untested", outcome=outcome)
    elif not parallel:
        p_value = p_value_text(estimate.trend_p_value)
        found.warn("observational_trend_before", arm=comparison.arm, outcome=outcome, p_value=p_value)
