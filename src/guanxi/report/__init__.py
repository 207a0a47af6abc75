"""Figures and one HTML page, made from tables."""

from guanxi.report.page import PageSection, RunReport, render

__all__ = ["PageSection", "RunReport", "render"]
