"""Effects of a campaign that was not randomised, as far as the data support any."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from guanxi.decisions.campaign._difference_in_differences import Contrast, difference_in_differences
from guanxi.decisions.campaign._doubly_robust import (
    ATE,
    ATT,
    Assignment,
    Estimate,
    assignment,
    differences_of_treated,
    doubly_robust,
)
from guanxi.decisions.campaign._observational_input import CONTROL, Comparison, comparisons
from guanxi.decisions.campaign._overlap import (
    assignment_p_value,
    balance_table,
    overlap_of,
    overlap_table,
    propensity_histogram,
    unbalanced,
)
from guanxi.decisions.campaign._sensitivity import strength_needed, strongest_covariate
from guanxi.served.texts import number, percent, signed, texts

Floats = NDArray[np.float64]

EFFECT, DIFFERENCE = "effect", "difference"
MEANS, TRENDS = "difference_in_means", "difference_in_differences"
FEWEST_FOR_WEIGHTING = 50  # customers in each arm
_TEXTS = "guanxi.decisions.campaign"


@dataclass(frozen=True)
class Note:
    """A sentence about a result, to be said in the reader's language.

    Attributes
    ----------
    key : str
        Of a text in ``en.toml`` and ``zh.toml``, table ``observational``.
    values : dict of str to str
        What fills its placeholders; a value that is itself a key of the table is translated.
    """

    key: str
    values: dict[str, str] = field(default_factory=dict)

    def told(self, language: str) -> str:
        """Say it in a language (en, zh).

        >>> Note("observational_no_covariates").told("en").split(":")[0]
        'No covariates are given'
        """
        known = texts(_TEXTS, language)["observational"]
        return str(
            known[self.key].format(**{name: known.get(each, each) for name, each in self.values.items()})
        )


@dataclass(frozen=True)
class ObservationalResult:
    """Differences and, where the checks allow the word, effects.

    Attributes
    ----------
    effects : pandas.DataFrame
        ``outcome, arm, method, kind`` (effect or difference), ``estimate, lower, upper, baseline`` (mean
        without the campaign of the same customers; for ``difference_in_means`` the control's mean), ``n``.
        Methods: ``difference_in_means``, ``doubly_robust_ate`` (all customers), ``doubly_robust_att`` (the
        treated) and ``difference_in_differences``.
    overlap, propensities, balance : pandas.DataFrame
        By arm: see :func:`guanxi.decisions.campaign._overlap.overlap_table`, ``propensity_histogram`` and
        ``balance_table``; ``covariates_p_value`` of overlap tests whether covariates predict the arm.
    sensitivity : pandas.DataFrame
        By outcome, arm and doubly robust method: E-values and robustness values of estimate and interval
        limit, and the covariate whose omission would bias most, with its strength on the scale of the
        robustness value. The E-value of an outcome that is not 0 or 1 is approximate: see ``_sensitivity``.
    negative_controls : pandas.DataFrame
        By outcome, arm and doubly robust method: the "effect" on the mean outcome before the campaign.
    trends : pandas.DataFrame
        By outcome, arm and period before: how much further apart the arms were than in the last one.
    assumptions, warnings : tuple of Note
    """

    effects: pd.DataFrame = field(repr=False)
    overlap: pd.DataFrame = field(repr=False)
    propensities: pd.DataFrame = field(repr=False)
    balance: pd.DataFrame = field(repr=False)
    sensitivity: pd.DataFrame = field(repr=False)
    negative_controls: pd.DataFrame = field(repr=False)
    trends: pd.DataFrame = field(repr=False)
    assumptions: tuple[Note, ...]
    warnings: tuple[Note, ...]


@dataclass
class _Found:
    """Rows of the tables of a result, and its notes, as they are found."""

    effects: list[dict[str, object]] = field(default_factory=list)
    overlap: list[pd.DataFrame] = field(default_factory=list)
    propensities: list[pd.DataFrame] = field(default_factory=list)
    balance: list[pd.DataFrame] = field(default_factory=list)
    sensitivity: list[dict[str, object]] = field(default_factory=list)
    negative_controls: list[dict[str, object]] = field(default_factory=list)
    trends: list[dict[str, object]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def warn(self, key: str, **values: str) -> None:
        note = Note(key, values)
        if note not in self.notes:
            self.notes.append(note)


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
    found, z = _Found(), float(special.ndtri(0.5 + confidence / 2.0))
    for comparison in comparisons(table, treated, outcomes, covariates, before or {}):
        for outcome in comparison.outcomes:
            _compare_means(found, comparison, outcome, z)
        contrast, comparable = _adjust(found, comparison, confidence, seed)
        for outcome in comparison.before:
            _compare_trends(found, comparison, outcome, confidence, contrast, comparable=comparable)
    return _result(found, list(outcomes), list(covariates))


def _row(comparison: Comparison, outcome: str, method: str) -> dict[str, object]:
    return {"outcome": outcome, "arm": comparison.arm, "method": method}


def _interval(value: float, error: float, z: float) -> dict[str, object]:
    return {"estimate": value, "lower": value - z * error, "upper": value + z * error}


def _effect(
    comparison: Comparison, outcome: str, method: str, kind: str, interval: dict[str, object], baseline: float
) -> dict[str, object]:
    row = _row(comparison, outcome, method) | {"kind": kind}
    return row | interval | {"baseline": baseline, "n": len(comparison.treated)}


def _compare_means(found: _Found, comparison: Comparison, outcome: str, z: float) -> None:
    y = comparison.outcomes[outcome]
    having, without = y[comparison.treated], y[~comparison.treated]
    error = float(np.sqrt(having.var(ddof=1) / len(having) + without.var(ddof=1) / len(without)))
    interval = _interval(float(having.mean() - without.mean()), error, z)
    found.effects.append(_effect(comparison, outcome, MEANS, DIFFERENCE, interval, float(without.mean())))


def _adjust(
    found: _Found, comparison: Comparison, confidence: float, seed: int
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
    comparable = _compare_arms(found, comparison, assigned, 1.0 - confidence)
    z = float(special.ndtri(0.5 + confidence / 2.0))
    for outcome, y in comparison.outcomes.items():
        suspect = _negative_control(found, comparison, assigned, outcome, z)
        strongest = strongest_covariate(covariates.columns, covariates.covariate_of, y, treated)
        for name, estimate in doubly_robust(covariates.x, y, assigned).items():
            kind = EFFECT if name in comparable and name not in suspect else DIFFERENCE
            interval = _interval(estimate.value, estimate.standard_error, z)
            method = f"doubly_robust_{name}"
            found.effects.append(_effect(comparison, outcome, method, kind, interval, estimate.baseline))
            _sensitivity(found, comparison, (outcome, name), estimate, strongest, z)
    return (lambda values: differences_of_treated(covariates.x, values, assigned)), ATT in comparable


def _compare_arms(found: _Found, comparison: Comparison, assigned: Assignment, level: float) -> set[str]:
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
            p_value=_probability(p_value),
            count=number(len(before)),
            total=number(len(balance)),
        )
    return {name for name in (ATE, ATT) if _is_comparable(found, arm, name, overlap, balance)}


def _is_comparable(found: _Found, arm: str, name: str, overlap: pd.DataFrame, balance: pd.DataFrame) -> bool:
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


def _negative_control(
    found: _Found, comparison: Comparison, assigned: Assignment, outcome: str, z: float
) -> set[str]:
    """Add the "effect" on the outcome before the campaign; return the estimands for which it is not 0."""
    earlier = comparison.negative_controls.get(outcome)
    if earlier is None:
        found.warn("observational_no_negative_control", outcome=outcome)
        return set()
    suspect = set()
    for name, estimate in doubly_robust(comparison.covariates.x, earlier, assigned).items():
        interval = _interval(estimate.value, estimate.standard_error, z)
        found.negative_controls.append(_row(comparison, outcome, f"doubly_robust_{name}") | interval)
        if abs(estimate.value) > z * estimate.standard_error:
            suspect.add(name)
            limits = {key: number(float(str(limit)), 3) for key, limit in interval.items()}
            found.warn(
                "observational_negative_control", arm=comparison.arm, outcome=outcome, of=_of(name), **limits
            )
    return suspect


def _sensitivity(
    found: _Found,
    comparison: Comparison,
    of: tuple[str, str],
    estimate: Estimate,
    strongest: tuple[str, float],
    z: float,
) -> None:
    (outcome, name), (covariate, strength) = of, strongest
    needed = strength_needed(estimate, comparison.outcomes[outcome], z)
    found.sensitivity.append(
        _row(comparison, outcome, f"doubly_robust_{name}")
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


def _compare_trends(
    found: _Found,
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
    interval = _interval(estimate.value, estimate.standard_error, z)
    kind = EFFECT if parallel and comparable else DIFFERENCE
    found.effects.append(_effect(comparison, outcome, TRENDS, kind, interval, estimate.baseline))
    for name, value, error in zip(names, estimate.trend_differences, estimate.trend_errors, strict=False):
        found.trends.append(
            {"outcome": outcome, "arm": comparison.arm, "period": name}
            | _interval(float(value), float(error), z)
            | {"p_value": estimate.trend_p_value}
        )
    if np.isnan(estimate.trend_p_value):
        found.warn("observational_trend_untested", outcome=outcome)
    elif not parallel:
        p_value = _probability(estimate.trend_p_value)
        found.warn("observational_trend_before", arm=comparison.arm, outcome=outcome, p_value=p_value)


def _result(found: _Found, outcomes: list[str], covariates: list[str]) -> ObservationalResult:
    effects = pd.DataFrame(found.effects)
    places = effects["outcome"].map({name: place for place, name in enumerate(outcomes)})
    effects = effects.iloc[np.argsort(places.to_numpy(), kind="stable")].reset_index(drop=True)
    return ObservationalResult(
        effects=effects,
        overlap=_together(found.overlap),
        propensities=_together(found.propensities),
        balance=_together(found.balance),
        sensitivity=pd.DataFrame(found.sensitivity),
        negative_controls=pd.DataFrame(found.negative_controls),
        trends=pd.DataFrame(found.trends),
        assumptions=tuple(_assumptions(set(effects["method"]), covariates)),
        warnings=tuple(found.notes),
    )


def _assumptions(methods: set[str], covariates: list[str]) -> Iterator[Note]:
    yield Note("observational_assumes_difference")
    if f"doubly_robust_{ATE}" in methods:
        yield Note("observational_assumes_measured", {"covariates": ", ".join(covariates)})
        yield Note("observational_assumes_time")
        yield Note("observational_assumes_overlap")
    if TRENDS in methods:
        yield Note("observational_assumes_trends")
    if methods != {MEANS}:
        yield Note("observational_assumes_separate")


def _together(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _of_arm(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    table.insert(0, "arm", arm)
    return table


def _of(name: str) -> str:
    return f"observational_of_{name}"


def _probability(p_value: float) -> str:
    return f"= {number(p_value, 3)}" if p_value >= 0.001 else "< 0.001"


__all__ = ["CONTROL", "Note", "ObservationalResult", "observational_effects"]
