"""Indicators against targets and reference values, by group."""
