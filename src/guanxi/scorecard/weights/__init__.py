"""Indicator weights from judgements, from data, or from both."""
