"""Did a campaign work?"""

from guanxi.decisions.campaign._funnel import FunnelResult, funnel_rates
from guanxi.decisions.campaign._observational import Note, ObservationalResult, observational_effects

__all__ = ["FunnelResult", "Note", "ObservationalResult", "funnel_rates", "observational_effects"]
