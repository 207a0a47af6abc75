"""Customers as a Markov chain of tiers: transition probabilities, customer equity, forecasts."""

from guanxi.scorecard.transitions.markov_chain import (
    TransitionProbabilities,
    fit_transitions,
    forecast_states,
    markov_customer_equity,
)

__all__ = ["TransitionProbabilities", "fit_transitions", "forecast_states", "markov_customer_equity"]
