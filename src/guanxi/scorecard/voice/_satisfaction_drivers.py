"""Drivers of satisfaction: importance against performance, and gaps between expectation and perception."""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.scorecard.targets._estimates import sample_of
from guanxi.scorecard.voice._relative_importance import RelativeImportance, relative_importance
from guanxi.scorecard.voice._survey_answers import Answers


def satisfaction_drivers(answers: Answers, seed: int) -> RelativeImportance:
    """Relative importance of the drivers, with their performance.

    The table of :func:`._relative_importance.relative_importance` gets ``performance``, the mean answer from
    0 to 100 with 90 % limits, and ``quadrant`` of the importance-performance map, cut at the means of both:
    ``concentrate`` (important, low), ``keep_up`` (important, high), ``low_priority`` and ``overkill``
    (unimportant, high).

    Raises
    ------
    DataError
        If the outcome is unknown or constant, or there are too few answers.

    References
    ----------
    Martilla, J. A. and James, J. C. (1977), Importance-performance analysis, Journal of Marketing 41(1).
    """
    scores = answers.scores()
    found = relative_importance(
        scores, answers.outcome, answers.drivers, customers=answers.table["customer_id"], seed=seed
    )
    by_customer = scores.groupby(answers.table["customer_id"]).mean()
    samples = [sample_of(by_customer[name], "mean") for name in found.table["driver"]]
    performance = pd.DataFrame(
        {
            "performance": [100 * each.value for each in samples],
            "performance_lower": [max(100 * each.lower, 0.0) for each in samples],
            "performance_upper": [min(100 * each.upper, 100.0) for each in samples],
        }
    )
    important = found.table["share"] >= found.table["share"].mean() - 1e-9
    high = performance["performance"] >= performance["performance"].mean() - 1e-9
    quadrant = np.select(
        [important & ~high, important & high, ~important & ~high],
        ["concentrate", "keep_up", "low_priority"],
        "overkill",
    )
    table = pd.concat([found.table, performance], axis=1).assign(quadrant=quadrant)
    return RelativeImportance(found.r_squared, table)


def servqual_gaps(ratings: pd.DataFrame) -> pd.DataFrame:
    """Perception less expectation by dimension; below 0 the service falls short of what was expected.

    Parameters
    ----------
    ratings : pandas.DataFrame
        From :func:`guanxi.features.relations.statements.ratings_until`.

    Returns
    -------
    pandas.DataFrame
        One row per dimension, the worst first: ``dimension, customers, expectation, perception, gap`` with 90
        % limits, all from 0 to 1 (gap: -1 to 1). Each customer counts once. Empty without expectations.

    References
    ----------
    Parasuraman, A., Zeithaml, V. A. and Berry, L. L. (1988), SERVQUAL, Journal of Retailing 64(1).
    """
    if ratings.empty:
        return pd.DataFrame()
    both = ratings[ratings["dimension"].notna() & ratings["expectation"].notna()]
    if both.empty:
        return pd.DataFrame()
    means = both.groupby(["dimension", "customer_id"])[["expectation", "rating"]].mean()
    rows = []
    for dimension, group in means.groupby(level=0):
        gap = sample_of(group["rating"] - group["expectation"], "mean")
        rows.append(
            {
                "dimension": dimension,
                "customers": gap.known,
                "expectation": float(group["expectation"].mean()),
                "perception": float(group["rating"].mean()),
                "gap": gap.value,
                "gap_lower": gap.lower,
                "gap_upper": gap.upper,
            }
        )
    return pd.DataFrame(rows).sort_values("gap", kind="stable", ignore_index=True)
