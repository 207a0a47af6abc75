"""Promotion gate: compare the twins of candidate and champion on a window that neither was fitted to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from guanxi.errors import DataError
from guanxi.evaluation._predictive import coverage
from guanxi.evaluation.metrics import log_loss, mean_absolute_error
from guanxi.params import PromotionParams
from guanxi.served.ordering import ROUNDING

_ERRORS: tuple[tuple[str, str, Callable[[ArrayLike, ArrayLike], float], str, str], ...] = (
    ("log loss of churn", "log_loss_increase", log_loss, "churned", "churn_probability"),
    (
        "mean absolute error of purchases",
        "mae_increase",
        mean_absolute_error,
        "purchases",
        "expected_purchases",
    ),
    ("mean absolute error of spend", "mae_increase", mean_absolute_error, "spend", "expected_spend_total"),
)
_MEANS = ("expected_purchases", "clv", "churn_probability")


@dataclass(frozen=True)
class Check:
    """One metric of a candidate, its reference and the limit on the change.

    Attributes
    ----------
    name, than : str
        Name of the metric, and of the reference.
    value, reference : float
    change : float
        Relative change from the reference; for a coverage the shortfall, as a share of customers.
    limit : float
        The largest change that passes, in absolute value if ``both_ways``.
    key : str
        The parameter that sets the limit.
    """

    name: str
    value: float
    reference: float
    than: str
    change: float
    limit: float
    key: str
    both_ways: bool = False

    @property
    def passed(self) -> bool:
        """Whether the change is within its limit; NaN is not."""
        return bool((abs(self.change) if self.both_ways else self.change) <= self.limit + ROUNDING)

    @property
    def text(self) -> str:
        """One-line summary.

        Examples
        --------
        >>> Check("log loss of churn", 0.25, 0.2, "version 1", 0.25, 0.02, "log_loss_increase").text
        'log loss of churn 0.25, version 1 0.2: +25.0% (limit +2.0%, promotion.log_loss_increase)'
        """
        sign = "±" if self.both_ways else "+"
        return (
            f"{self.name} {self.value:.4g}, {self.than} {self.reference:.4g}: {self.change:+.1%} "
            f"(limit {sign}{self.limit:.1%}, promotion.{self.key})"
        )


def compare_errors(
    window: pd.DataFrame, candidate: pd.DataFrame, champion: pd.DataFrame, params: PromotionParams, than: str
) -> list[Check]:
    """Compare a candidate's errors on a window with the champion's, named ``than``.

    ``window`` has the outcomes, from :func:`.held_out_customers`; the other tables are the two twins'
    predictions, row by row. A prediction that is not finite raises a DataError.
    """
    tables = [
        each.assign(expected_spend_total=each["expected_purchases"] * each["expected_spend"])
        for each in (candidate, champion)
    ]
    has_spend = [_has_spend(each) for each in (candidate, champion)]
    if has_spend == [False, True]:
        raise DataError("it forecasts no spend, since its data have no amounts, and the champion does")
    checks = []
    for name, key, error, outcome, prediction in _ERRORS:
        if outcome == "spend" and not all(has_spend):
            continue
        own, other = (error(window[outcome], table[prediction]) for table in tables)
        checks.append(Check(name, own, other, than, _relative(own, other), getattr(params, key), key))
    return checks


def check_coverage(
    window: pd.DataFrame, candidate: pd.DataFrame, level: float, params: PromotionParams
) -> list[Check]:
    """Compare the coverage of the customers' spend intervals with their nominal level."""
    if not _has_spend(candidate):
        return []
    undiscounted = candidate["expected_purchases"] * candidate["expected_spend"]
    # Undo margin and mean discount: the value interval is the spend interval times both. A negative margin
    # turned the ends around.
    known = candidate["clv"] != 0
    factor = np.where(known, undiscounted / candidate["clv"].where(known), 1.0)
    ends = np.sort([candidate["clv_lower"] * factor, candidate["clv_upper"] * factor], axis=0)
    held = coverage(window["spend"], *ends)
    name, limit = "coverage of the intervals of spend", params.coverage_shortfall
    return [Check(name, held, level, "asked for", level - held, limit, "coverage_shortfall")]


def compare_with_constant(
    window: pd.DataFrame, candidate: pd.DataFrame, params: PromotionParams
) -> list[Check]:
    """Compare a candidate, in the absence of a champion, with a constant forecast: the share of churners."""
    churned = window["churned"]
    if churned.nunique() < 2:
        whom = "every customer" if churned.iloc[0] else "no customer"
        raise DataError(f"{whom} churned in the window, so the churn forecast cannot be evaluated")
    own = log_loss(churned, candidate["churn_probability"])
    share = log_loss(churned, np.full(len(churned), churned.mean()))
    name, key = "log loss of churn", "log_loss_increase"
    change = _relative(own, share)
    return [Check(name, own, share, "the share of churners", change, params.log_loss_increase, key)]


def compare_means(
    candidate: pd.DataFrame, champion: pd.DataFrame, params: PromotionParams, than: str
) -> list[Check]:
    """Compare the mean predictions of two served models for the same customers.

    Values are compared if both are in the same unit: of margins of the log, or of a share of spend.
    """
    if params.mean_change is None:
        return []
    checks = []
    for name in _MEANS:
        same_unit = ("margin_rate" in candidate) == ("margin_rate" in champion)
        if name == "clv" and not (same_unit and _has_spend(candidate) and _has_spend(champion)):
            continue
        own, other, limit = candidate[name].mean(), champion[name].mean(), params.mean_change
        change = _relative(own, other)
        checks.append(
            Check(f"mean of {name}", own, other, than, change, limit, "mean_change", both_ways=True)
        )
    return checks


def failures(checks: Sequence[Check]) -> list[str]:
    """Describe each failed check."""
    return [check.text for check in checks if not check.passed]


def _has_spend(predictions: pd.DataFrame) -> bool:
    """Whether the model was trained on amounts; without, everything about spend is missing."""
    return not predictions["expected_spend"].isna().all()


def _relative(value: float, reference: float) -> float:
    """Relative change from the reference; 0 if both are equal, even if both are 0."""
    if value == reference:
        return 0.0
    return value / reference - 1.0 if reference else float("inf")
