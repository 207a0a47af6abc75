"""Segments of customers: cells, stages, groups, and what to do about each."""
