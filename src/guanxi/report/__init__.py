"""Tables to figures and to one HTML page."""

from guanxi.report.page import RunReport, render

__all__ = ["RunReport", "render"]
