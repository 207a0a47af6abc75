"""Scores as import files for customer systems."""
