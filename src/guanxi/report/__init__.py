"""Tables to figures, to one HTML page and to a workbook."""

from guanxi.report.page import RunReport, render
from guanxi.report.scorecard_content import ScorecardReport

__all__ = ["RunReport", "ScorecardReport", "render"]
