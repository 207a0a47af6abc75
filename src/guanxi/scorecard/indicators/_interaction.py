"""Interaction: contacts between customer and business."""

from __future__ import annotations

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series


def interaction(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of interaction."""
    sent = inputs.relation("contacts_outbound")
    return {
        "interaction_recency_days": inputs.relation("days_since_interaction"),
        "interactions": inputs.count("interactions", "interactions"),
        "channel_breadth": inputs.count("interactions", "interaction_channels"),
        "response_rate": inputs.relation("responses") / sent.where(sent > 0),
        "channel_mix": inputs.relation("channel_mix"),
    }


_TABLE = ("interactions",)
INDICATORS = (
    Indicator(
        "interaction_recency_days", "interaction",
        "days_since_interaction",
        "days", "at_cutoff", False, _TABLE, "no interaction on record",
        "Venkatesan & Kumar 2004, J. Marketing 68(4)",
    ),
    Indicator(
        "interactions", "interaction",
        "number of interactions up to the cutoff",
        "interactions", "to_date", True, _TABLE, "0: no interaction on record",
        "Venkatesan & Kumar 2004, J. Marketing 68(4)",
    ),
    Indicator(
        "channel_breadth", "interaction",
        "number of distinct channels of the interactions",
        "channels", "to_date", True, _TABLE, "0: no interaction on record",
        "Kumar & Venkatesan 2005, J. Interactive Marketing 19(2)",
    ),
    Indicator(
        "response_rate", "interaction",
        "responses / contacts_outbound",
        "0–1", "to_date", True, _TABLE, "the business never contacted the customer",
        "Bult & Wansbeek 1995, Marketing Science 14(4)",
    ),
    Indicator(
        "channel_mix", "interaction",
        "entropy of the channels of the interactions over its maximum: 1 is equal use of all channels",
        "0–1", "to_date", True, _TABLE, "no interaction on record",
        "entropy: Shannon 1948, Bell System Technical Journal 27(3)",
    ),
)  # fmt: skip
