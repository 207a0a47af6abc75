"""The whole evaluation of a campaign."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from guanxi.data.campaigns import FLAGS, CampaignLines
from guanxi.data.transactions import TransactionLog
from guanxi.decisions.campaign._effects import (
    WITHOUT_RELATIVE,
    Effects,
    measure_effects,
)
from guanxi.decisions.campaign._experiment import read_experiment
from guanxi.decisions.campaign._funnel import STEPS, FunnelResult, funnel_rates
from guanxi.decisions.campaign._indicators import indicator_table
from guanxi.decisions.campaign._inference import Inference
from guanxi.decisions.campaign._observational import observational_effects
from guanxi.decisions.campaign._observational_input import CONTROL
from guanxi.decisions.campaign._observational_result import (
    DIFFERENCE,
    EFFECT,
    MEANS,
    ObservationalResult,
)
from guanxi.decisions.campaign._outcomes import Observed, Score, observe
from guanxi.decisions.campaign._remarks import Remark
from guanxi.decisions.campaign._sample_ratio import SampleRatio, sample_ratio
from guanxi.decisions.campaign._two_sample import WIDEST
from guanxi.errors import DataError
from guanxi.params import Params


@dataclass(frozen=True)
class CampaignResult:
    """What a campaign did.

    Attributes
    ----------
    observed : Observed
    effects : Effects
    kind : {"effect", "difference"}
        What a plain comparison of the arms is.
    ratio : SampleRatio
    observational : ObservationalResult or None
        None if the arms were randomised.
    funnel : FunnelResult or None
    indicators : pandas.DataFrame
    remarks : tuple of Remark
    value_days : int or None
        Days that the customer lifetime value looks ahead.
    """

    observed: Observed
    effects: Effects
    kind: str
    ratio: SampleRatio
    observational: ObservationalResult | None
    funnel: FunnelResult | None
    indicators: pd.DataFrame = field(repr=False)
    remarks: tuple[Remark, ...]
    value_days: int | None


def evaluate_campaign(
    lines: CampaignLines,
    params: Params,
    log: TransactionLog | None = None,
    *,
    score: Score | None = None,
    surveys: Any = None,
    value_days: int | None = None,
) -> CampaignResult:
    """Measure what a campaign did.

    Parameters
    ----------
    lines : CampaignLines
    params : Params
        Its section ``campaign``, ``horizon_days``, ``clv.margin`` and ``seed``.
    log : TransactionLog, optional
        Without, outcomes are columns of the campaign file.
    score : callable, optional
        Prediction table as of a day, always of the same fitted model.
    surveys : ibis.Table, optional
        In the engine of the log.
    value_days : int, optional
        Days that the scores' ``clv`` looks ahead.

    Raises
    ------
    DataError, HistoryError, ParamsError
    """
    given = params.campaign
    experiment = read_experiment(lines, given, dated=log is not None)
    observed = observe(experiment, params, log, score, surveys)
    counts = experiment.customers["arm"].value_counts()
    arms = (experiment.control, *experiment.arms)
    ratio = sample_ratio({arm: int(counts[arm]) for arm in arms}, given.shares)
    # Sizes that do not fit the plan mean that customers are missing because of their arm.
    broken = (bool(given.shares) and ratio.suspect) or _days_differ(observed)
    kind = EFFECT if given.randomised == "true" and not broken else DIFFERENCE
    effects = measure_effects(observed, given, kind)
    observational = None
    if given.randomised != "true":
        observational = _without_randomisation(observed, params)
        effects = _together(effects, observational, Inference(given.confidence, observed.information))
        if broken:  # what no covariate can mend
            effects = replace(effects, table=effects.table.assign(kind=DIFFERENCE))
    return CampaignResult(
        observed,
        effects,
        kind,
        ratio,
        observational,
        _funnel(observed, given.by, given.confidence),
        indicator_table(observed, given),
        (*observed.experiment.remarks, *_remarks(observed, params, ratio), *_few_cases(effects)),
        value_days,
    )


def _remarks(observed: Observed, params: Params, ratio: SampleRatio) -> list[Remark]:
    given, found = params.campaign, []
    if ratio.suspect:
        key = "sizes_not_as_planned" if given.shares else "sizes_not_equal"
        found.append(Remark(key, {"p": f"{ratio.p_value:.1g}"}))
    if given.randomised == "unknown":
        found.append(Remark("randomisation_unknown"))
    if observed.information is not None:
        days = f"{observed.days:,}" if observed.days is not None else "–"
        found.append(Remark("early_look", {"share": f"{observed.information:.0%}", "days": days}))
    if _days_differ(observed):
        found.append(Remark("days_differ"))
    unknown = [str(name) for name in observed.outcomes if observed.outcomes[name].isna().any()]
    if any(name.startswith("score_") for name in unknown):
        found.append(Remark("who_answered"))
    others = [name for name in unknown if not name.startswith("score_")]
    if others:
        found.append(Remark("values_of_some", {"names": others}))
    return found


def _few_cases(effects: Effects) -> list[Remark]:
    names = list(effects.few_cases)
    return [Remark("few_cases", {"outcomes": names})] if names else []


def _days_differ(observed: Observed) -> bool:
    """Whether the arms were contacted on different days, so that seasons differ between them."""
    from scipy.stats import chi2_contingency

    customers = observed.experiment.customers
    if "day" not in customers or customers["day"].nunique() < 2:
        return False
    return bool(chi2_contingency(pd.crosstab(customers["day"], customers["arm"])).pvalue < 0.001)


def _without_randomisation(observed: Observed, params: Params) -> ObservationalResult:
    """Make the arms comparable as far as the covariates allow."""
    control = observed.experiment.control
    names = dict.fromkeys(observed.outcomes.columns[observed.outcomes.notna().all()])
    names.pop("churn", None)  # tells the same as purchase
    arms = observed.experiment.customers["arm"]
    if CONTROL in set(observed.experiment.arms):
        raise DataError(f"arm {CONTROL!r} is not the control {control!r}: rename it")
    table = pd.concat([observed.outcomes, observed.before, observed.covariates], axis=1)
    table = table.loc[:, ~table.columns.duplicated()]
    table["arm of the campaign"] = arms.where(arms != control, CONTROL)
    return observational_effects(
        table,
        "arm of the campaign",
        list(names),
        [str(name) for name in observed.covariates],
        before=_earlier(observed.before, list(names)),
        confidence=params.campaign.confidence,
        seed=params.seed,
    )


def _earlier(before: pd.DataFrame, outcomes: Sequence[str]) -> Mapping[str, list[str]]:
    """Name the columns of each outcome before the campaign, the earliest first."""
    names = {
        outcome: [name for name in reversed(before.columns) if name.rpartition("_before_")[0] == outcome]
        for outcome in outcomes
    }
    return {outcome: columns for outcome, columns in names.items() if columns}


def _together(effects: Effects, found: ObservationalResult, inference: Inference) -> Effects:
    """Add the estimates of a campaign that was not randomised to the plain differences."""
    others = found.effects[found.effects["method"] != MEANS]
    others = _at_every_look(others, inference)
    table = pd.concat([effects.table, others], ignore_index=True)
    order = {name: place for place, name in enumerate(dict.fromkeys(effects.table["outcome"]))}
    table = table.sort_values(["outcome", "arm"], key=lambda each: each.map(order).fillna(0), kind="stable")
    return Effects(table.reset_index(drop=True), effects.power, effects.columns)


def _at_every_look(table: pd.DataFrame, inference: Inference) -> pd.DataFrame:
    """Add relative intervals to estimates made for one look, and widen all where there are several."""
    critical = inference.critical(math.inf)
    wider = critical / Inference(inference.confidence).critical(math.inf)
    share = table["estimate"] / table["baseline"]
    share = share.mask(table["outcome"].isin(WITHOUT_RELATIVE) | (table["baseline"] <= 0))
    factor = np.exp((critical * table["ratio_error"]).clip(upper=WIDEST))
    ends = {
        name: table["estimate"] + wider * (table[name] - table["estimate"]) for name in ("lower", "upper")
    }
    relative = {
        "relative_lower": (1.0 + share) / factor - 1.0,
        "relative_upper": (1.0 + share) * factor - 1.0,
    }
    return table.assign(**ends, relative=share, **relative).drop(columns="ratio_error")


def _funnel(observed: Observed, by: Sequence[str], confidence: float) -> FunnelResult | None:
    """Rates of the funnel of the treated; a missing flag is a step not reached."""
    customers = observed.experiment.customers
    steps = [step for step in STEPS if step in customers]
    treated = customers[customers["arm"] != observed.experiment.control]
    if len(steps) < 2:
        return None
    flags = treated.assign(**{step: treated[step].fillna(0.0) for step in FLAGS if step in steps})
    return funnel_rates(
        flags, by=[*(["arm"] if len(observed.experiment.arms) > 1 else []), *by], confidence=confidence
    )
