"""Tables to figures, to one HTML page and to a workbook."""

from guanxi.report.page import RunReport, render

__all__ = ["RunReport", "render"]
