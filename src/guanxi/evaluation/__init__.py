"""Evaluation of predictions against observed outcomes."""
