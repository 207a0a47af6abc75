"""``guanxi scorecard``: every customer's relationship in one grade, with weights and reasons."""

from guanxi.jobs.scorecard.findings import Findings, find, grade
from guanxi.jobs.scorecard.job import check_scorecard, scorecard

__all__ = ["Findings", "check_scorecard", "find", "grade", "scorecard"]
