"""Likelihoods and other formulas used only in fitting."""
