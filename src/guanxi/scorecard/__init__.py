"""The relationship scorecard: one score for each customer relationship, with weights and reasons.

This package exports everything that ``jobs`` use.
"""

from guanxi.scorecard._day_tables import ScorecardInputs, without_purchases
from guanxi.scorecard._result import ScorecardResult, ScoredDay, build_scorecard, check_parameters, score_day
from guanxi.scorecard.report._content import report_content
from guanxi.scorecard.report._page import render_section
from guanxi.scorecard.report._result_files import check_folder, write_results
from guanxi.scorecard.report._run_record import run_record

__all__ = [
    "ScorecardInputs",
    "ScorecardResult",
    "ScoredDay",
    "build_scorecard",
    "check_folder",
    "check_parameters",
    "render_section",
    "report_content",
    "run_record",
    "score_day",
    "without_purchases",
    "write_results",
]
