"""Likelihoods and other formulas that are needed to fit only."""
