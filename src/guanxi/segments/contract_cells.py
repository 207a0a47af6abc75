"""Contract cells: what RFM cells are for customers who buy when they like.

Customers under contract pay in every period, so that the days since the last payment say nothing. In place of
recency stands the probability of staying, which is absolute: nobody is called leaving who is going to stay.
Tenure takes the place of frequency, the payment of a period that of money; these are quintiles of customers.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from guanxi.segments.rfm_cells import quintile_scores

# Churn probability within the horizon below which the score of staying is 5, 4, 3, 2.
CHURN_LIMITS = (0.05, 0.1, 0.25, 0.5)

# By score of staying: segments for mean scores of tenure and payment of 1, 2, 3, 4, 5.
GRID: dict[int, tuple[str, ...]] = {
    5: ("steady", "steady", "loyal", "champions", "champions"),
    4: ("steady", "steady", "loyal", "champions", "champions"),
    3: ("needing_attention",) * 5,
    2: ("wavering", "wavering", "at_risk", "at_risk", "at_risk"),
    1: ("leaving", "leaving", "at_risk", "cannot_lose", "cannot_lose"),
}


def contract_cells(customers: pd.DataFrame) -> pd.DataFrame:
    """Score staying, tenure and payment from 1 to 5, and name the segment.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``customer_id``; ``churn_probability`` within the horizon; ``T`` (days since the first payment);
        ``monetary_value`` (payment of a period). NaN is unknown.

    Returns
    -------
    pandas.DataFrame
        ``customer_id, contract_cell`` (such as "555") and ``contract_segment`` (as in ``GRID``), in the order
        given; missing if a score is. The mean of tenure and payment is rounded half down.

    Examples
    --------
    >>> customers = pd.DataFrame(
    ...     {"customer_id": list("abc"), "churn_probability": [0.02, 0.6, 0.7], "T": [900.0, 800.0, 20.0],
    ...      "monetary_value": [80.0, 90.0, 20.0]}
    ... )
    >>> contract_cells(customers)["contract_segment"].tolist()
    ['champions', 'cannot_lose', 'leaving']
    """
    churn = customers["churn_probability"].to_numpy(dtype=np.float64)
    stay = np.where(np.isnan(churn), 0, 5 - np.searchsorted(CHURN_LIMITS, churn, side="right"))
    scores = np.column_stack(
        [stay, quintile_scores(customers["T"]), quintile_scores(customers["monetary_value"])]
    )
    known = (scores > 0).all(axis=1)
    names = np.array([GRID[each] for each in sorted(GRID)], dtype=object)
    segment, cell = (np.full(len(customers), None, dtype=object) for _ in range(2))
    staying, tenure, payment = scores[known].T
    segment[known] = names[staying - 1, (tenure + payment) // 2 - 1]
    cell[known] = (100 * staying + 10 * tenure + payment).astype(str).astype(object)
    return pd.DataFrame(
        {"customer_id": customers["customer_id"], "contract_cell": cell, "contract_segment": segment},
        index=customers.index,
    )
