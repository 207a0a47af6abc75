"""Whether the arms have the sizes that were planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from guanxi.errors import ParamsError

SUSPECT = 0.001


@dataclass(frozen=True)
class SampleRatio:
    """Observed and expected customers by arm.

    Attributes
    ----------
    observed : dict of str to int
    expected : dict of str to float
    p_value : float
        Probability of sizes at least as far from the plan by chance.
    """

    observed: dict[str, int]
    expected: dict[str, float]
    p_value: float

    @property
    def suspect(self) -> bool:
        """Whether chance is an unlikely cause: customers may be missing from an arm because of it."""
        return self.p_value < SUSPECT


def sample_ratio(observed: Mapping[str, int], shares: Mapping[str, float] | None = None) -> SampleRatio:
    """Compare the sizes of the arms with the planned shares, by the chi-square test.

    Fabijan et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments, KDD. The result
    is suspect below .001.

    Parameters
    ----------
    observed : mapping of str to int
        Customers by arm.
    shares : mapping of str to float, optional
        Planned shares by arm, in any unit; default: equal.

    Raises
    ------
    ParamsError
        If a share is missing, unknown or not above 0.

    Examples
    --------
    >>> sample_ratio({"treated": 821588, "control": 815482}).suspect  # Fabijan et al., section 1
    True
    """
    shares = dict.fromkeys(observed, 1.0) if not shares else dict(shares)
    if shares.keys() != observed.keys() or min(shares.values()) <= 0:
        raise ParamsError(
            f"campaign.shares has {', '.join(shares)}: give a share above 0 for each arm, "
            f"{', '.join(map(repr, observed))}"
        )
    total = sum(observed.values())
    expected = {arm: total * shares[arm] / sum(shares.values()) for arm in observed}
    test = stats.chisquare(np.array(list(observed.values()), float), np.array(list(expected.values())))
    return SampleRatio(dict(observed), expected, float(test.pvalue))
