"""Value: past, current and future value of the customer."""

from __future__ import annotations

import numpy as np

from guanxi.errors import DataError
from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series
from guanxi.scorecard.indicators._potential import potential_clv

YEAR_DAYS = 365.0
LONGEST_PAYBACK_DAYS = 3650.0
_UNKNOWN = "unknown"
_METRICS = "Bendle, Farris, Pfeifer & Reibstein 2016, Marketing Metrics, 3rd ed."


def value(inputs: Inputs, margin_rate: float) -> dict[str, Series[float]]:
    """Compute the indicators of value; ``margin_rate`` is the margin as a share of revenue."""
    revenue, clv = inputs.total("revenue"), inputs.prediction("clv")
    margin = _earned(inputs, "margin", "revenue", margin_rate)
    acquisition_cost = inputs.relation("acquisition_cost")
    years = np.maximum(inputs.prediction("T"), YEAR_DAYS) / YEAR_DAYS
    costs = inputs.count("costs", "cost_to_serve") + inputs.count("costs", "cost_to_retain")
    return {
        "revenue": revenue,
        "margin": margin,
        "current_value": _earned(inputs, "margin_year", "revenue_year", margin_rate),
        "future_value": clv,
        "potential_value": (potential_clv(inputs.attributes, clv) - clv).clip(lower=0.0),
        "purchase_frequency": inputs.prediction("frequency") / years,
        "average_order": revenue / inputs.total("purchases"),
        "category_concentration": inputs.total("category_concentration"),
        "category_breadth": inputs.total("categories"),
        "share_of_wallet": _share_of_wallet(inputs),
        "profit": margin - costs,
        "clv_to_acquisition_cost": clv / acquisition_cost.where(acquisition_cost > 0),
        "payback_days": _payback_days(acquisition_cost, margin / (years * YEAR_DAYS)),
    }


def _earned(inputs: Inputs, margin: str, revenue: str, margin_rate: float) -> Series[float]:
    """Margin from the log if it is known for any customer, otherwise revenue times the rate."""
    own = inputs.total(margin)
    return own if own.notna().any() else inputs.total(revenue) * margin_rate


def _payback_days(cost: Series[float], margin_a_day: Series[float]) -> Series[float]:
    days = (cost / margin_a_day.where(margin_a_day > 0)).clip(upper=LONGEST_PAYBACK_DAYS)
    never = (margin_a_day <= 0) & (cost > 0)
    return days.mask(never, LONGEST_PAYBACK_DAYS).mask(cost == 0, 0.0)


def _share_of_wallet(inputs: Inputs) -> Series[float]:
    share = inputs.relation("share_of_wallet")
    if ((share < 0) | (share > 1)).any():
        raise DataError(
            f"share_of_wallet of the customers table ranges from {share.min():g} to {share.max():g}: "
            "give it as a share between 0 and 1"
        )
    return share


INDICATORS = (
    Indicator(
        "revenue", "value",
        "sum of the amounts up to the cutoff, net of refunds",
        "revenue", "to_date", True, ("transactions",), _UNKNOWN, "plain counting",
    ),
    Indicator(
        "margin", "value",
        "sum of the margin in the log; without that column revenue × clv.margin",
        "margin", "to_date", True, ("transactions",), "the log has no margin for this customer",
        "Gupta & Lehmann 2005, Managing Customers as Investments",
    ),
    Indicator(
        "current_value", "value",
        "margin of the 365 days up to the cutoff",
        "margin", "last_year", True, ("transactions",), "the log has no margin for this customer",
        "Verhoef & Donkers 2001, Decision Support Systems 32(2)",
    ),
    Indicator(
        "future_value", "value",
        "clv: discounted margin expected within the horizon: expected purchases × expected_spend × margin",
        "margin", "horizon", True, ("predictions",),
        _UNKNOWN, "Fader, Hardie & Lee 2005, J. Marketing Research 42(4)",
    ),
    Indicator(
        "potential_value", "value",
        "max(0, 90 % quantile of the clv of customers with similar attributes − clv), by cross-fitted "
        "quantile trees",
        "margin", "horizon", True, ("predictions", "customers"),
        "no attribute is known, or fewer than 200 customers",
        "Verhoef & Donkers 2001; Perlich, Rosset, Lawrence & Zadrozny 2007, KDD",
    ),
    Indicator(
        "purchase_frequency", "value",
        "frequency / max(1, T / 365): in the first year, repeat purchases so far",
        "purchases a year", "to_date", True, ("predictions",),
        _UNKNOWN, "Bult & Wansbeek 1995, Marketing Science 14(4)",
    ),
    Indicator(
        "average_order", "value",
        "revenue / purchases; purchases on the same day count once",
        "revenue", "to_date", True, ("transactions",), _UNKNOWN, _METRICS,
    ),
    Indicator(
        "category_concentration", "value",
        "Σ (share of a category in the amount paid)²: 1 is a single category",
        "0–1", "to_date", False, ("transactions",), "no category is known, or nothing was paid",
        "Herfindahl–Hirschman index: Hirschman 1964, American Economic Review 54(5)",
    ),
    Indicator(
        "category_breadth", "value",
        "number of distinct categories bought",
        "categories", "to_date", True, ("transactions",), "no category is known",
        "Kumar, George & Pancras 2008, J. Retailing 84(1)",
    ),
    Indicator(
        "share_of_wallet", "value",
        "attribute share_of_wallet of the customers table: share of the customer's category spend that "
        "goes to the business",
        "0–1", "at_cutoff", True, ("customers",),
        _UNKNOWN, "Cooil, Keiningham, Aksoy & Hsu 2007, J. Marketing 71(1)",
    ),
    Indicator(
        "profit", "value",
        "margin − cost_to_serve − cost_to_retain",
        "margin", "to_date", True, ("transactions", "costs"),
        "costs not on record are 0; unknown without margin",
        "Niraj, Gupta & Narasimhan 2001, J. Marketing 65(3)",
    ),
    Indicator(
        "clv_to_acquisition_cost", "value",
        "clv / acquisition_cost",
        "ratio", "horizon", True, ("predictions", "customers"), "no acquisition cost is known, or it is 0",
        "Blattberg & Deighton 1996, Harvard Business Review 74(4)",
    ),
    Indicator(
        "payback_days", "value",
        "acquisition_cost / (margin / max(T, 365)), at most 3,650; 3,650 if the margin is not above 0",
        "days", "to_date", False, ("transactions", "predictions", "customers"),
        "no acquisition cost or margin is known",
        _METRICS,
    ),
)  # fmt: skip
