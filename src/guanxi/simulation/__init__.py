"""Simulated customers with known truth for every model, and a whole company."""

from guanxi.simulation._discrete_time import (
    simulate_beta_discrete_weibull,
    simulate_bg_bb,
    simulate_shifted_beta_geometric,
)
from guanxi.simulation._purchase_histories import (
    simulate_bg_cnbd,
    simulate_bg_nbd,
    simulate_ggom_nbd,
    simulate_mbg_cnbd,
    simulate_mbg_nbd,
    simulate_nbd,
    simulate_pareto_nbd,
)
from guanxi.simulation._subscriptions import SubscriptionEffects, Subscriptions, simulate_subscriptions
from guanxi.simulation._transaction_log import simulate_transactions
from guanxi.simulation.company._dataset import Company, simulate_company
from guanxi.simulation.company._people import Effects

__all__ = [
    "Company",
    "Effects",
    "SubscriptionEffects",
    "Subscriptions",
    "simulate_beta_discrete_weibull",
    "simulate_bg_bb",
    "simulate_bg_cnbd",
    "simulate_bg_nbd",
    "simulate_company",
    "simulate_ggom_nbd",
    "simulate_mbg_cnbd",
    "simulate_mbg_nbd",
    "simulate_nbd",
    "simulate_pareto_nbd",
    "simulate_shifted_beta_geometric",
    "simulate_subscriptions",
    "simulate_transactions",
]
