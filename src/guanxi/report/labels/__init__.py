"""The page of a model of labels: who is likely to leave, why, and how far to trust it."""

from guanxi.report.labels._label_page import LabelReport, render_labels

__all__ = ["LabelReport", "render_labels"]
