"""How an estimate and its standard error become an interval and a p-value: at one planned look, or at any."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Inference:
    """Confidence of the intervals, and the share of the planned information at which they are computed.

    Parameters
    ----------
    confidence : float
        0.95: the interval misses the true value in 5 % of campaigns.
    information : float, optional
        Share of the planned information (customers times days) that has been observed, above 0. With it,
        intervals and p-values hold at every look, however often one looks and whenever one stops; without,
        they hold at the planned end only, the only look.

    Notes
    -----
    The intervals at every look are those of the normal mixture, the mixture sequential probability ratio
    test: Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of
    Mathematical Statistics 41(5); Johari, Koomen, Pekelis and Walsh (2022), Always valid inference,
    Operations Research 70(3); asymptotically Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Annals
    of Statistics 52(6). The mixture is scaled so that the interval is near its narrowest at the planned end
    (their equation 10).

    Examples
    --------
    >>> round(Inference(0.95).critical(1e9), 3), round(Inference(0.95, information=1.0).critical(1e9), 3)
    (1.96, 3.035)
    """

    confidence: float = 0.95
    information: float | None = None

    def critical(self, degrees: float) -> float:
        """Half the width of the interval, in standard errors with ``degrees`` of freedom."""
        alpha = 1.0 - self.confidence
        if self.information is None:
            return float(stats.t.ppf(1.0 - alpha / 2.0, degrees))
        ratio = self._mixture(alpha)
        return math.sqrt((1.0 + 1.0 / ratio) * (math.log1p(ratio) - 2.0 * math.log(alpha)))

    def p_value(self, statistic: float, degrees: float) -> float:
        """Probability of a statistic at least as far from 0, at this look or (sequentially) at any."""
        if self.information is None:
            return float(2.0 * stats.t.sf(abs(statistic), degrees))
        ratio = self._mixture(1.0 - self.confidence)
        exponent = 0.5 * math.log1p(ratio) - 0.5 * statistic**2 * ratio / (1.0 + ratio)
        return min(1.0, math.exp(exponent))

    @property
    def single_look_level(self) -> float:
        """The probability of missing at one look for which a plain interval is as wide as this one."""
        return float(2.0 * stats.norm.sf(self.critical(math.inf)))

    def _mixture(self, alpha: float) -> float:
        """Variance of the mixture in units of the estimate's variance."""
        assert self.information is not None
        spent = -2.0 * math.log(alpha)
        return (spent + math.log1p(spent)) * self.information
