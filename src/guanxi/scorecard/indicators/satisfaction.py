"""Satisfaction: what customers say of the business."""

from __future__ import annotations

import pandas as pd

from guanxi.scorecard.indicators.definition import Indicator, Inputs, Language, Series
from guanxi.scorecard.indicators.shrinkage import shrunken_mean

SERVQUAL = ("tangibles", "reliability", "responsiveness", "assurance", "empathy")


def satisfaction(inputs: Inputs) -> dict[str, Series[float]]:
    """Work out the indicators of satisfaction."""
    gaps = {f"servqual_{name}": inputs.relation(f"servqual_{name}_gap") for name in SERVQUAL}
    complaints = inputs.count("tickets", "complaints")
    return {
        "csat": shrunken_mean(
            _both(inputs, "csat_sum", "ticket_satisfaction_sum"),
            _both(inputs, "csat_answers", "ticket_satisfaction_answers"),
        ),
        "nps_score": inputs.relation("nps_score"),
        "ces": shrunken_mean(inputs.relation("ces_sum"), inputs.relation("ces_answers")),
        "servqual_gap": pd.DataFrame(gaps).mean(axis=1),
        **gaps,
        "complaints": complaints,
        "complaint_resolution": inputs.relation("complaints_closed") / complaints.where(complaints > 0),
        "satisfaction_trend": inputs.relation("satisfaction_recent")
        - inputs.relation("satisfaction_earlier"),
    }


def _both(inputs: Inputs, first: str, second: str) -> Series[float]:
    return inputs.relation(first).add(inputs.relation(second), fill_value=0.0)


_SHRUNKEN = "each 0–1, shrunk towards all customers' mean by (sum + k × mean) / (answers + k)"
_CREDIBILITY = "shrinkage: Bühlmann & Gisler 2005, A Course in Credibility Theory, ch. 3"
_PARASURAMAN = "Parasuraman, Zeithaml & Berry 1988, J. Retailing 64(1)"
_NO_ANSWER = "the customer did not answer"


def _servqual(name: str, english: str, chinese: str) -> Indicator:
    labels: dict[Language, str] = {"en": f"SERVQUAL {english}", "zh": f"SERVQUAL {chinese}"}
    formula = f"mean of (perception − expectation) / range of the scale, of {name}"
    return Indicator(
        f"servqual_{name}", "satisfaction", labels, formula,
        "−1–1", True, ("surveys",), _NO_ANSWER, _PARASURAMAN,
    )  # fmt: skip


INDICATORS = (
    Indicator(
        "csat", "satisfaction", {"en": "Satisfaction (CSAT)", "zh": "满意度（CSAT）"},
        f"answers to CSAT surveys and ratings of tickets, {_SHRUNKEN}",
        "0–1", True, ("surveys or tickets",), _NO_ANSWER, _CREDIBILITY,
    ),
    Indicator(
        "nps_score", "satisfaction", {"en": "Would recommend (0–10)", "zh": "推荐意愿（0–10）"},
        "last answer to the NPS question",
        "0–10", True, ("surveys",), _NO_ANSWER, "Reichheld 2003, Harvard Business Review 81(12)",
    ),
    Indicator(
        "ces", "satisfaction", {"en": "Ease (CES)", "zh": "省力度（CES）"},
        f"answers to CES surveys, higher meaning easier, {_SHRUNKEN}",
        "0–1", True, ("surveys",), _NO_ANSWER,
        f"Dixon, Freeman & Toman 2010, Harvard Business Review 88(7/8); {_CREDIBILITY}",
    ),
    Indicator(
        "servqual_gap", "satisfaction", {"en": "SERVQUAL gap", "zh": "SERVQUAL差距"},
        "mean of the gaps of the dimensions that were answered",
        "−1–1", True, ("surveys",), _NO_ANSWER, _PARASURAMAN,
    ),
    _servqual("tangibles", "tangibles", "有形性"),
    _servqual("reliability", "reliability", "可靠性"),
    _servqual("responsiveness", "responsiveness", "响应性"),
    _servqual("assurance", "assurance", "保证性"),
    _servqual("empathy", "empathy", "移情性"),
    Indicator(
        "complaints", "satisfaction", {"en": "Complaints", "zh": "投诉次数"},
        "number of tickets that are complaints",
        "complaints", False, ("tickets",), "0: no ticket on record",
        "Fornell & Wernerfelt 1987, J. Marketing Research 24(4)",
    ),
    Indicator(
        "complaint_resolution", "satisfaction", {"en": "Complaints resolved", "zh": "投诉解决率"},
        "complaints_closed / complaints",
        "0–1", True, ("tickets",), "the customer did not complain",
        "Tax, Brown & Chandrashekaran 1998, J. Marketing 62(2)",
    ),
    Indicator(
        "satisfaction_trend", "satisfaction", {"en": "Trend of satisfaction", "zh": "满意度趋势"},
        "mean of the answers of the last 365 days − mean of the earlier ones, each 0–1",
        "−1–1", True, ("surveys or tickets",), "no answer in one of the two times",
        "Bolton 1998, Marketing Science 17(1)",
    ),
)  # fmt: skip
