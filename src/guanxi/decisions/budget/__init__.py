"""Whom to treat with what under a budget, and who is held out to measure it.

This package exports everything that ``jobs`` and other decisions use.
"""

from guanxi.decisions.budget._built_plan import Plan, build_plan, check_plan, plan_limits
from guanxi.decisions.budget._choice import Choice, choose_actions
from guanxi.decisions.budget._drawn_holdout import HoldoutPower, customer_keys, draw_holdout, holdout_power
from guanxi.decisions.budget._gains import Gains, LearntGain, expected_gains, gain_of_uplift
from guanxi.decisions.budget._plan_answer import TABLES, plan_answer, plan_chapter, plan_summary
from guanxi.decisions.budget._plan_tables import PlanTotals
from guanxi.decisions.budget._problem import ChannelLimit, PlanLimits

__all__ = [
    "TABLES",
    "ChannelLimit",
    "Choice",
    "Gains",
    "HoldoutPower",
    "LearntGain",
    "Plan",
    "PlanLimits",
    "PlanTotals",
    "build_plan",
    "check_plan",
    "choose_actions",
    "customer_keys",
    "draw_holdout",
    "expected_gains",
    "gain_of_uplift",
    "holdout_power",
    "plan_answer",
    "plan_chapter",
    "plan_limits",
    "plan_summary",
]
