"""Weights of indicators: by judgement, by data, and both."""
