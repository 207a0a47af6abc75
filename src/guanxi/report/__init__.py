"""Tables to figures, to one HTML page and to a workbook."""

from guanxi.report.page import PageSection, RunReport, render

__all__ = ["PageSection", "RunReport", "render"]
