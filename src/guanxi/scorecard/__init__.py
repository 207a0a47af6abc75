"""The relationship scorecard: every customer's relationship in one grade, with weights and reasons."""

from guanxi.scorecard.findings import ScorecardResult, find, score_day

__all__ = ["ScorecardResult", "find", "score_day"]
