"""Risk: value at risk, refunds, volatility and credit."""

from __future__ import annotations

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series


def risk(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of risk."""
    return {
        "value_at_risk": inputs.prediction("churn_probability") * inputs.prediction("clv"),
        "refund_share": inputs.total("refund_share"),
        "spend_volatility": inputs.total("spend_variation"),
        "overdue_days": inputs.relation("overdue_days"),
        "defaults": inputs.relation("defaults"),
    }


_CREDIT = "Thomas 2000, International J. of Forecasting 16(2)"
INDICATORS = (
    Indicator(
        "value_at_risk", "risk",
        "churn_probability × clv",
        "money", False, ("predictions",), "unknown",
        "Ryals & Knox 2005, European J. of Marketing 39(5/6)",
    ),
    Indicator(
        "refund_share", "risk",
        "refunds / amount paid",
        "0–1", False, ("transactions",), "nothing was paid",
        "Petersen & Kumar 2009, J. Marketing 73(3)",
    ),
    Indicator(
        "spend_volatility", "risk",
        "coefficient of variation of spend in complete 90-day periods before the cutoff",
        "ratio", False, ("transactions",), "fewer than four periods or three purchases",
        "Tarasi, Bolton, Hutt & Walker 2011, J. Marketing 75(3)",
    ),
    Indicator(
        "overdue_days", "risk",
        "overdue_days, as last reported",
        "days", False, ("credit",), "no credit on record", _CREDIT,
    ),
    Indicator(
        "defaults", "risk",
        "defaults, as last reported",
        "defaults", False, ("credit",), "no credit on record", _CREDIT,
    ),
)  # fmt: skip
