"""Advocacy: whom and what the customer brings."""

from __future__ import annotations

import numpy as np

from guanxi.features.activity import DETRACTOR_TO, PROMOTER_FROM
from guanxi.scorecard.indicators.definition import Indicator, Inputs, Series
from guanxi.scorecard.indicators.referrals import credit_referrals


def advocacy(inputs: Inputs) -> dict[str, Series[float]]:
    """Work out the indicators of advocacy."""
    unknown = inputs.prediction("clv") * np.nan
    made, credited = unknown, unknown
    if "referred_by" in inputs.relations.columns and inputs.relations["referred_by"].notna().any():
        clv = inputs.prediction("clv")
        referrals = credit_referrals(inputs.relations["referred_by"], clv.fillna(0.0))
        table = referrals.reindex(inputs.customers).fillna(0.0)
        made = table["referrals"]
        credited = table["referral_value"] if clv.notna().any() else unknown
    return {
        "referrals": made,
        "referral_value": credited,
        "promoter": promoter_class(inputs.relation("nps_score")),
    }


def promoter_class(nps_score: Series[float]) -> Series[float]:
    """Class of an answer to the NPS question: 1 promoter (9, 10), 0 passive, -1 detractor (0 to 6).

    The mean of the classes times 100 is the net promoter score.
    """
    signs = (nps_score >= PROMOTER_FROM).astype("float64") - (nps_score <= DETRACTOR_TO).astype("float64")
    return signs.where(nps_score.notna())


INDICATORS = (
    Indicator(
        "referrals", "advocacy", {"en": "Referrals made", "zh": "推荐人数"},
        "number of customers whose referred_by is this customer",
        "customers", True, ("customers",), "0: nobody named this customer",
        "Schmitt, Skiera & Van den Bulte 2011, J. Marketing 75(1)",
    ),
    Indicator(
        "referral_value", "advocacy", {"en": "Referral value", "zh": "推荐价值"},
        "clv of the customers brought, through the chain: of each one's clv the direct referrer gets a "
        "share, the next half of that, and so on, all shares adding up to 1",
        "money", True, ("customers", "predictions"), "0: nobody named this customer",
        "Kumar, Petersen & Leone 2010, J. Marketing 74(5)",
    ),
    Indicator(
        "promoter", "advocacy", {"en": "Promoter, passive, detractor", "zh": "推荐者/中立者/贬损者"},
        "1 if nps_score ≥ 9, −1 if ≤ 6, else 0",
        "−1, 0, 1", True, ("surveys",), "the customer did not answer",
        "Reichheld 2003, Harvard Business Review 81(12)",
    ),
)  # fmt: skip
