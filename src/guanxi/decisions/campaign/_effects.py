"""Every outcome of every arm against the control: one table of effects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from guanxi.decisions.campaign._adjustment import adjusted_difference, adjusting_columns
from guanxi.decisions.campaign._inference import Inference
from guanxi.decisions.campaign._observational_result import DIFFERENCE, EFFECT
from guanxi.decisions.campaign._outcomes import Observed
from guanxi.decisions.campaign._power import minimum_detectable_effect
from guanxi.decisions.campaign._two_sample import ArmDifference, difference, is_share
from guanxi.params import CampaignParams

ADJUSTED = "adjusted"
# A change has no share of a baseline, which may be near 0 or below.
WITHOUT_RELATIVE = ("clv_change", "profit")
_FEWEST_CASES = 5  # as for a share: with fewer the interval of an amount misses too often
_RELATIVE = ("relative", "relative_lower", "relative_upper")


@dataclass(frozen=True)
class Effects:
    """Effects by outcome, arm and method, and what they could have found.

    Attributes
    ----------
    table : pandas.DataFrame
        ``outcome, arm, method, kind, estimate, lower, upper, baseline, n`` (customers of the arm and the
        control), ``relative, relative_lower, relative_upper`` (shares of the baseline), ``treated_mean,
        n_treated, n_control, standard_error, p_value, p_adjusted, variance_saved``.
    power : pandas.DataFrame
        By outcome and arm: ``planned`` and ``found`` minimum detectable effects, before the campaign (from
        the window before it) and after (from the interval).
    columns : tuple of str
        By which the estimates are adjusted.
    few_cases : tuple of str
        Outcomes of which an arm has too few cases for an effect.
    """

    table: pd.DataFrame = field(repr=False)
    power: pd.DataFrame = field(repr=False)
    columns: tuple[str, ...]
    few_cases: tuple[str, ...] = ()


def measure_effects(observed: Observed, params: CampaignParams, kind: str) -> Effects:
    """Compare every arm with the control, plainly and (randomised) adjusted by the covariates.

    Parameters
    ----------
    observed : Observed
    params : CampaignParams
    kind : {"effect", "difference"}
        What the comparisons are called; only effects are adjusted here.
    """
    inference = Inference(params.confidence, observed.information)
    arms = observed.experiment.customers["arm"]
    columns = (
        adjusting_columns(observed.covariates, arms) if kind == EFFECT else pd.DataFrame(index=arms.index)
    )
    rows, power, few = [], [], []
    for outcome in observed.outcomes:
        for arm in observed.experiment.arms:
            compared = _Pair(observed, str(outcome), arm, columns)
            found = list(compared.differences(inference))
            rows += [compared.row(each, kind, found[0]) for each in found]
            few += [str(outcome)] if kind == EFFECT and compared.few_cases else []
            power.append(compared.power(found[-1], inference, params))
    table = pd.DataFrame(rows)
    table["p_adjusted"] = _corrected(table, params.correction)
    return Effects(table, pd.DataFrame(power), tuple(map(str, columns)), tuple(dict.fromkeys(few)))


class _Pair:
    """An outcome of one arm and of the control."""

    def __init__(self, observed: Observed, outcome: str, arm: str, columns: pd.DataFrame) -> None:
        self.outcome, self.arm = outcome, arm
        values, arms = observed.outcomes[outcome], observed.experiment.customers["arm"]
        known = values.notna()
        # Among the customers with a known outcome other columns may be redundant.
        all_known = bool(known.all()) or columns.empty
        self.columns = columns if all_known else adjusting_columns(observed.covariates[known], arms[known])
        self.rows = [known & (arms == name) for name in (arm, observed.experiment.control)]
        self.values = values
        self.before = observed.before.get(f"{outcome}_before_1")

    @property
    def few_cases(self) -> bool:
        """Whether in an arm too few customers have another amount than nearly all, such as 0."""
        arms = [self.values[rows] for rows in self.rows]
        if min(map(len, arms)) < 2 or all(is_share(arm.to_numpy(dtype=np.float64)) for arm in arms):
            return False  # Newcombe's interval is made for it
        return any((arm != arm.mode().iloc[0]).sum() < _FEWEST_CASES for arm in arms)

    def differences(self, inference: Inference) -> Iterator[ArmDifference]:
        """Compare plainly, then adjusted where there is something to adjust by."""
        first, second = (self.values[rows].to_numpy(dtype=np.float64) for rows in self.rows)
        if min(first.size, second.size) < 2:
            yield ArmDifference.unknown(first, second)
            return
        plain = difference(first, second, inference)
        yield plain
        if self.few_cases:
            return
        if len(self.columns.columns) and plain.method == "difference" and plain.standard_error > 0:
            own, other = (self.columns.loc[rows[rows].index].to_numpy() for rows in self.rows)
            yield adjusted_difference(first, second, own, other, inference)

    def row(self, found: ArmDifference, kind: str, plain: ArmDifference) -> dict[str, Any]:
        """Name the numbers of a comparison as in the table."""
        saved = 1.0 - (found.standard_error / plain.standard_error) ** 2 if found is not plain else np.nan
        relative = dict.fromkeys(_RELATIVE, np.nan)
        if self.outcome not in WITHOUT_RELATIVE and found.baseline > 0:
            relative = {name: getattr(found, name) for name in _RELATIVE}
        # Values of some only, such as answers to a survey: the campaign may have changed of whom.
        some = bool(self.values.isna().any())
        return {
            "outcome": self.outcome,
            "arm": self.arm,
            "method": found.method,
            "kind": DIFFERENCE if some or self.few_cases else kind,
            "estimate": found.estimate,
            "lower": found.lower,
            "upper": found.upper,
            "baseline": found.baseline,
            "n": found.n_treated + found.n_control,
            **relative,
            "treated_mean": found.treated_mean,
            "n_treated": found.n_treated,
            "n_control": found.n_control,
            "standard_error": found.standard_error,
            "p_value": found.p_value,
            "variance_saved": saved,
        }

    def power(self, found: ArmDifference, inference: Inference, params: CampaignParams) -> dict[str, Any]:
        """Smallest effects that could be found, as planned and as it turned out."""
        planned = np.nan
        spread = 0.0 if self.before is None else float(self.before.std(ddof=1))
        if spread > 0:
            planned = minimum_detectable_effect(
                found.n_treated, found.n_control, spread, confidence=params.confidence, power=params.power
            )
        degrees = found.n_treated + found.n_control - 2
        reach = inference.critical(degrees) + float(stats.norm.ppf(params.power))
        return {
            "outcome": self.outcome,
            "arm": self.arm,
            "n_treated": found.n_treated,
            "n_control": found.n_control,
            "planned": planned,
            "found": reach * found.standard_error if found.standard_error > 0 else np.nan,
        }


_METHODS = {"holm": "holm", "bonferroni": "bonferroni", "benjamini_hochberg": "fdr_bh"}


def _corrected(table: pd.DataFrame, correction: str) -> pd.Series[float]:
    """Correct the p-values of several arms, for each outcome and way of comparing."""
    from statsmodels.stats.multitest import multipletests

    values = table["p_value"].astype("float64")
    if correction == "none":
        return values
    corrected = values.copy()
    for _, rows in table[values.notna()].groupby(["outcome", table["method"] == ADJUSTED]):
        if len(rows) > 1:
            corrected[rows.index] = multipletests(rows["p_value"], method=_METHODS[correction])[1]
    return corrected


def leading(table: pd.DataFrame) -> pd.DataFrame:
    """Choose the row that is told of each outcome and arm: the best effect, else the plain difference."""
    order = {ADJUSTED: 0, "doubly_robust_ate": 1, "doubly_robust_att": 2, "difference_in_differences": 3}
    plain = table["method"].isin(("difference", "newcombe"))
    among_effects = table["method"].map(order).fillna(9).to_numpy(dtype=np.float64)
    rank = np.where(table["kind"] == EFFECT, among_effects, 30.0 - 10.0 * plain.to_numpy())
    best = table.iloc[np.argsort(rank, kind="stable")]
    return best.drop_duplicates(["outcome", "arm"]).sort_index()
