"""Indicators of a relationship: the catalogue and how each is worked out."""
