"""Predictive intervals of purchases and spend."""
