"""Monitoring of a served model: training profiles, drift, and the verdict."""
