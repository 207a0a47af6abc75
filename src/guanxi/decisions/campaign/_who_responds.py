"""Who responds because of the campaign: the uplift of each arm, learned from the campaign itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from guanxi.decisions.campaign._campaign_result import CampaignResult
from guanxi.decisions.campaign._experiment import share_columns
from guanxi.decisions.campaign._observational_result import EFFECT
from guanxi.decisions.uplift import UpliftResult, learn_uplift, uplift_chapter
from guanxi.errors import DataError
from guanxi.params import Params
from guanxi.report.chapters import Chapter
from guanxi.served.texts import Language

_CONTROL = "control"


def who_responds(result: CampaignResult, params: Params) -> tuple[dict[str, UpliftResult], list[str]]:
    """Learn the uplift of each arm, in the first outcome of yes or no, from what was known before.

    Returns
    -------
    dict of str to UpliftResult
        By arm.
    list of str
        Why nothing could be learned, for the other arms.
    """
    observed = result.observed
    outcome = next((name for name in share_columns(observed.outcomes) if name != "churn"), None)
    features = [str(name) for name in observed.covariates]
    if outcome is None or not features:
        return {}, []
    customers, control = observed.experiment.customers, observed.experiment.control
    table = pd.concat([observed.covariates, observed.outcomes[[outcome]]], axis=1)
    table["arm of the campaign"] = customers["arm"].where(customers["arm"] != control, _CONTROL)
    learned, reasons = {}, []
    for arm in observed.experiment.arms:
        rows = table[customers["arm"].isin((arm, control)) & table[outcome].notna()]
        try:
            learned[arm] = learn_uplift(
                rows,
                "arm of the campaign",
                outcome,
                features,
                randomised=result.kind == EFFECT,
                seed=params.seed,
            )
        except DataError as error:
            reasons.append(f"who responds to {arm} is not learned: {error}")
    return learned, reasons


def uplift_chapters(learned: Mapping[str, UpliftResult], language: Language) -> list[Chapter]:
    """Write a chapter for each arm."""
    chapters = []
    for number, (arm, found) in enumerate(learned.items()):
        chapter = uplift_chapter(found, language)
        if number:
            chapter = replace(chapter, anchor=f"{chapter.anchor}-{number + 1}")
        if len(learned) > 1:
            chapter = replace(chapter, heading=f"{chapter.heading}: {arm}")
        chapters.append(chapter)
    return chapters


def uplift_table(result: CampaignResult, learned: Mapping[str, UpliftResult]) -> pd.DataFrame:
    """Uplift and response of each customer, predicted by models that had not seen them."""
    customers = result.observed.experiment.customers
    parts = [
        found.held_out[["uplift", "response"]].assign(
            customer_id=customers.loc[found.held_out.index, "customer_id"], arm=arm, outcome=found.outcome
        )
        for arm, found in learned.items()
    ]
    return pd.concat(parts, ignore_index=True)[["customer_id", "arm", "outcome", "uplift", "response"]]
