"""Scores of customers from indicators and weights, and why."""
