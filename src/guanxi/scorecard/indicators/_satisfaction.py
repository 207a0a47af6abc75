"""Satisfaction: survey answers, tickets and complaints."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.scorecard.indicators._definition import Indicator, Inputs, Series

# Reliability of a single question according to Wanous, Reichers & Hudy 1997, J. Applied Psychology 82(2).
_SINGLE_ANSWER_RELIABILITY = 0.7
_FEWEST_CUSTOMERS = 100
SERVQUAL = ("tangibles", "reliability", "responsiveness", "assurance", "empathy")


def satisfaction(inputs: Inputs) -> dict[str, Series[float]]:
    """Compute the indicators of satisfaction."""
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


def shrunken_mean(sums: Series[float], answers: Series[float]) -> Series[float]:
    """Shrink each customer's mean answer towards the common mean, the more the fewer the answers.

    The credibility estimator ``(sum + k * mean) / (answers + k)``, with ``k`` from :func:`prior_answers` and
    the common mean weighted by credibility.

    Parameters
    ----------
    sums, answers : pandas.Series, shape (n,)
        Sum and number of each customer's answers.

    Returns
    -------
    pandas.Series, shape (n,)
        Between the customer's mean and the common mean; NaN without an answer.

    References
    ----------
    Bühlmann, H. and Gisler, A. (2005), A Course in Credibility Theory and its Applications, chapter 3.
    Morris, C. N. (1983), Parametric empirical Bayes inference, JASA 78(381).

    Examples
    --------
    >>> import pandas as pd
    >>> shrunken_mean(pd.Series([1.0, 0.0, 5.0]), pd.Series([1.0, 0.0, 10.0])).round(3).tolist()
    [0.913, nan, 0.509]
    """
    known = answers > 0
    means = (sums / answers).where(known)
    if not known.any():
        return means
    k = prior_answers(means, answers)
    if np.isinf(k):
        common = float(sums[known].sum() / answers[known].sum())
        return means.where(~known, common)
    credibility = (answers / (answers + k)).where(known)
    common = float((credibility * means).sum() / credibility.sum())
    return credibility * means + (1.0 - credibility) * common


def prior_answers(means: Series[float], answers: Series[float]) -> float:
    """Weight of the common mean in answers: variance within customers over variance between them.

    The expected squared distance of a mean of ``n`` answers from the common mean is ``between + within / n``;
    both are estimated by least squares on ``1 / n``. With fewer than 100 customers with one answer, or with
    several, the estimates are too uncertain, and the usual reliability of a single answer, .7, is used: 3/7.

    Parameters
    ----------
    means, answers : pandas.Series, shape (n,)

    Returns
    -------
    float
        0: customers' means are exact; infinite: customers do not differ beyond chance.
    """
    known = answers > 0
    own, n = means[known].to_numpy(), answers[known].to_numpy()
    if min((n == 1).sum(), (n > 1).sum()) < _FEWEST_CUSTOMERS:
        return (1.0 - _SINGLE_ANSWER_RELIABILITY) / _SINGLE_ANSWER_RELIABILITY
    distances = (own - np.average(own, weights=n)) ** 2
    within, between = np.polyfit(1.0 / n, distances, 1)
    if between <= 0.0:
        return float("inf")
    return float(max(within, 0.0) / between)


_SHRUNKEN = "each 0–1, shrunk towards the mean of all customers: (sum + k × mean) / (answers + k)"
_CREDIBILITY = "shrinkage: Bühlmann & Gisler 2005, A Course in Credibility Theory, ch. 3"
_PARASURAMAN = "Parasuraman, Zeithaml & Berry 1988, J. Retailing 64(1)"
_NO_ANSWER = "the customer did not answer"


def _servqual(name: str) -> Indicator:
    formula = f"mean of (perception − expectation) / range of the scale, for {name}"
    return Indicator(
        f"servqual_{name}", "satisfaction", formula,
        "−1–1", "to_date", True, ("surveys",), _NO_ANSWER, _PARASURAMAN,
    )  # fmt: skip


INDICATORS = (
    Indicator(
        "csat", "satisfaction",
        f"answers to CSAT surveys and ratings of tickets, {_SHRUNKEN}",
        "0–1", "to_date", True, ("surveys or tickets",), _NO_ANSWER, _CREDIBILITY,
    ),
    Indicator(
        "nps_score", "satisfaction",
        "last answer to the NPS question",
        "0–10", "to_date", True, ("surveys",), _NO_ANSWER, "Reichheld 2003, Harvard Business Review 81(12)",
    ),
    Indicator(
        "ces", "satisfaction",
        f"answers to CES surveys, higher meaning easier, {_SHRUNKEN}",
        "0–1", "to_date", True, ("surveys",), _NO_ANSWER,
        f"Dixon, Freeman & Toman 2010, Harvard Business Review 88(7/8); {_CREDIBILITY}",
    ),
    Indicator(
        "servqual_gap", "satisfaction",
        "mean gap of the dimensions answered",
        "−1–1", "to_date", True, ("surveys",), _NO_ANSWER, _PARASURAMAN,
    ),
    *map(_servqual, SERVQUAL),
    Indicator(
        "complaints", "satisfaction",
        "number of tickets that are complaints",
        "complaints", "to_date", False, ("tickets",), "0: no ticket on record",
        "Fornell & Wernerfelt 1987, J. Marketing Research 24(4)",
    ),
    Indicator(
        "complaint_resolution", "satisfaction",
        "complaints_closed / complaints",
        "0–1", "to_date", True, ("tickets",), "the customer did not complain",
        "Tax, Brown & Chandrashekaran 1998, J. Marketing 62(2)",
    ),
    Indicator(
        "satisfaction_trend", "satisfaction",
        "mean of the answers in the last 365 days − mean of earlier answers, each 0–1",
        "−1–1", "last_year", True, ("surveys or tickets",), "no answer in one of the two periods",
        "Bolton 1998, Marketing Science 17(1)",
    ),
)  # fmt: skip
