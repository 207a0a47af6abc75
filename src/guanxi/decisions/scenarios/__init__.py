"""What customer equity would be if margins, retention, orders, costs or the discount rate moved.

This package exports everything that ``jobs`` use.
"""

from guanxi.decisions.scenarios._analysis import TABLES, Newcomer, ScenarioInputs, answer_scenarios
from guanxi.decisions.scenarios._sensitivity import steady_elasticities, steady_value

__all__ = [
    "TABLES",
    "Newcomer",
    "ScenarioInputs",
    "answer_scenarios",
    "steady_elasticities",
    "steady_value",
]
