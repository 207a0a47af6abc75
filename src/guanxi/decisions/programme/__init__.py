"""What the relationship programme brought for what it cost, and how its teams did."""

from guanxi.decisions.programme._handovers import TeamPerformance, team_performance
from guanxi.decisions.programme._performance import performance
from guanxi.decisions.programme._programme_answer import TABLES, programme_answer, programme_summary
from guanxi.decisions.programme._programme_return import CampaignEffects, ProgrammeReturn, programme_return

__all__ = [
    "TABLES",
    "CampaignEffects",
    "ProgrammeReturn",
    "TeamPerformance",
    "performance",
    "programme_answer",
    "programme_return",
    "programme_summary",
    "team_performance",
]
