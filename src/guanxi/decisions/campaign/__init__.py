"""Effect of a campaign."""

from guanxi.decisions.campaign._funnel import FunnelResult, funnel_rates
from guanxi.decisions.campaign._observational import observational_effects
from guanxi.decisions.campaign._observational_result import Note, ObservationalResult

__all__ = ["FunnelResult", "Note", "ObservationalResult", "funnel_rates", "observational_effects"]
