"""Did a campaign work: by how much, how sure, and what it cost and earned."""

from guanxi.decisions.campaign._adjustment import adjusted_difference
from guanxi.decisions.campaign._campaign_page import TABLES, campaign_answer, campaign_summary
from guanxi.decisions.campaign._campaign_result import CampaignResult, evaluate_campaign
from guanxi.decisions.campaign._funnel import FunnelResult, funnel_rates
from guanxi.decisions.campaign._inference import Inference
from guanxi.decisions.campaign._observational import observational_effects
from guanxi.decisions.campaign._observational_result import Note, ObservationalResult
from guanxi.decisions.campaign._power import customers_needed, minimum_detectable_effect
from guanxi.decisions.campaign._sample_ratio import SampleRatio, sample_ratio
from guanxi.decisions.campaign._two_sample import ArmDifference, difference
from guanxi.decisions.campaign._who_responds import who_responds

__all__ = [
    "TABLES",
    "ArmDifference",
    "CampaignResult",
    "FunnelResult",
    "Inference",
    "Note",
    "ObservationalResult",
    "SampleRatio",
    "adjusted_difference",
    "campaign_answer",
    "campaign_summary",
    "customers_needed",
    "difference",
    "evaluate_campaign",
    "funnel_rates",
    "minimum_detectable_effect",
    "observational_effects",
    "sample_ratio",
    "who_responds",
]
