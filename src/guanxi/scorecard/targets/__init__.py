"""Comparison of indicators with targets and reference values, and by group."""
