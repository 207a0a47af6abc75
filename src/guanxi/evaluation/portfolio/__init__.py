"""Forecast totals of all customers and of segments, with intervals."""
