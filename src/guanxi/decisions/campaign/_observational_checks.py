"""Checks of doubly robust estimates: overlap, balance, negative controls and sensitivity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.decisions.campaign._doubly_robust import ATE, ATT, Assignment, Estimate, doubly_robust
from guanxi.decisions.campaign._observational_input import Comparison
from guanxi.decisions.campaign._observational_result import Found, interval_of, p_value_text
from guanxi.decisions.campaign._overlap import (
    assignment_p_value,
    balance_table,
    overlap_of,
    overlap_table,
    propensity_histogram,
    unbalanced,
)
from guanxi.decisions.campaign._sensitivity import strength_needed, strongest_covariate
from guanxi.served.texts import number, percent, signed


def compare_arms(found: Found, comparison: Comparison, assigned: Assignment, level: float) -> set[str]:
    """Add overlap and balance; return the estimands (``ate``, ``att``) that both allow."""
    arm = comparison.arm
    overlap = overlap_table(assigned)
    balance = balance_table(comparison.covariates, assigned)
    p_value = assignment_p_value(comparison.covariates, assigned.treated)
    found.overlap.append(overlap.assign(covariates_p_value=p_value).pipe(_of_arm, arm))
    found.propensities.append(_of_arm(propensity_histogram(assigned), arm))
    found.balance.append(_of_arm(balance, arm))
    if p_value < level:
        before = unbalanced(balance, "before")
        found.warn(
            "observational_not_randomised",
            arm=arm,
            p_value=p_value_text(p_value),
            count=number(len(before)),
            total=number(len(balance)),
        )
    return {name for name in (ATE, ATT) if _is_comparable(found, arm, name, overlap, balance)}


def _is_comparable(found: Found, arm: str, name: str, overlap: pd.DataFrame, balance: pd.DataFrame) -> bool:
    shared, left = overlap_of(overlap, name), unbalanced(balance, name)
    if shared.poor:
        found.warn(
            "observational_poor_overlap",
            arm=arm,
            of=_of(name),
            outside=percent(shared.outside),
            effective=percent(shared.effective),
        )
    if not left.empty:
        worst = left.iloc[int(np.argmax(left[f"difference_{name}"].abs()))]
        found.warn(
            "observational_unbalanced",
            arm=arm,
            of=_of(name),
            column=str(worst["column"]),
            difference=signed(float(worst[f"difference_{name}"])),
            count=number(len(left)),
        )
    return not shared.poor and left.empty


def negative_control(
    found: Found, comparison: Comparison, assigned: Assignment, outcome: str, z: float
) -> set[str]:
    """Add the "effect" on the outcome before the campaign; return the estimands for which it is not 0."""
    earlier = comparison.negative_controls.get(outcome)
    if earlier is None:
        found.warn("observational_no_negative_control", outcome=outcome)
        return set()
    suspect = set()
    for name, estimate in doubly_robust(comparison.covariates.x, earlier, assigned).items():
        interval = interval_of(estimate.value, estimate.standard_error, z)
        found.negative_controls.append(comparison.row(outcome, f"doubly_robust_{name}") | interval)
        if abs(estimate.value) > z * estimate.standard_error:
            suspect.add(name)
            limits = {key: number(float(str(limit)), 3) for key, limit in interval.items()}
            found.warn(
                "observational_negative_control", arm=comparison.arm, outcome=outcome, of=_of(name), **limits
            )
    return suspect


def sensitivity(
    found: Found, comparison: Comparison, outcome: str, estimates: dict[str, Estimate], z: float
) -> None:
    """Add how strong an unmeasured confounder would have to be, beside the strongest covariate."""
    y, covariates = comparison.outcomes[outcome], comparison.covariates
    strongest = strongest_covariate(covariates, y, comparison.treated)
    for name, estimate in estimates.items():
        _strength(found, comparison, (outcome, name), estimate, strongest, z)


def _strength(
    found: Found,
    comparison: Comparison,
    of: tuple[str, str],
    estimate: Estimate,
    strongest: tuple[str, float],
    z: float,
) -> None:
    (outcome, name), (covariate, strength) = of, strongest
    needed = strength_needed(estimate, comparison.outcomes[outcome], z)
    found.sensitivity.append(
        comparison.row(outcome, f"doubly_robust_{name}")
        | {
            "e_value": needed.e_value,
            "e_value_limit": needed.e_value_limit,
            "robustness_value": needed.robustness,
            "robustness_limit": needed.robustness_limit,
            "strongest_covariate": covariate,
            "covariate_strength": strength,
        }
    )
    significant = abs(estimate.value) > z * estimate.standard_error
    if significant and needed.robustness_limit <= strength:
        found.warn(
            "observational_fragile",
            arm=comparison.arm,
            outcome=outcome,
            of=_of(name),
            robustness=percent(needed.robustness_limit, 1),
            covariate=covariate,
            strength=percent(strength, 1),
        )


def _of_arm(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    table.insert(0, "arm", arm)
    return table


def _of(name: str) -> str:
    return f"observational_of_{name}"
