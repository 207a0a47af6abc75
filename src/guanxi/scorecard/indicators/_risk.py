"""Risk: value at risk, refunds, volatility and credit."""

from __future__ import annotations

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series


def risk(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of risk."""
    return {
        "value_at_risk": inputs.prediction("value_at_risk"),
        "refund_share": inputs.total("refund_share"),
        "spend_volatility": inputs.total("spend_variation"),
        "overdue_days": inputs.relation("overdue_days"),
        "defaults": inputs.relation("defaults"),
    }


_CREDIT = "Thomas 2000, International J. of Forecasting 16(2)"
INDICATORS = (
    Indicator(
        "value_at_risk", "risk",
        "value within the horizon if the customer had not left and never leaves (purchases expected then, "
        "given the history, × expected_spend × margin, discounted) − clv",
        "margin", "horizon", False, ("predictions",), "unknown",
        "Fader, Hardie & Lee 2005, J. Marketing Research 42(4), without dropout",
    ),
    Indicator(
        "refund_share", "risk",
        "refunds / amount paid",
        "0–1", "to_date", False, ("transactions",), "nothing was paid",
        "Petersen & Kumar 2009, J. Marketing 73(3)",
    ),
    Indicator(
        "spend_volatility", "risk",
        "coefficient of variation of spend in complete 90-day periods before the cutoff",
        "ratio", "to_date", False, ("transactions",), "fewer than four periods or three purchases",
        "Tarasi, Bolton, Hutt & Walker 2011, J. Marketing 75(3)",
    ),
    Indicator(
        "overdue_days", "risk",
        "overdue_days, as last reported",
        "days", "at_cutoff", False, ("credit",), "no credit on record", _CREDIT,
    ),
    Indicator(
        "defaults", "risk",
        "defaults, as last reported",
        "defaults", "at_cutoff", False, ("credit",), "no credit on record", _CREDIT,
    ),
)  # fmt: skip
