"""Likelihoods and other formulas for the fits alone."""
