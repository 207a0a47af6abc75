"""Customers with known truth, one module per model, and a whole coherent company."""

from guanxi.simulation.bg_bb import simulate_bg_bb
from guanxi.simulation.bg_cnbd import simulate_bg_cnbd
from guanxi.simulation.bg_nbd import simulate_bg_nbd
from guanxi.simulation.company.company import Company, simulate_company
from guanxi.simulation.company.people import Effects
from guanxi.simulation.ggom_nbd import simulate_ggom_nbd
from guanxi.simulation.mbg_cnbd import simulate_mbg_cnbd
from guanxi.simulation.mbg_nbd import simulate_mbg_nbd
from guanxi.simulation.nbd import simulate_nbd
from guanxi.simulation.pareto_nbd import simulate_pareto_nbd
from guanxi.simulation.shifted_beta_geometric import simulate_shifted_beta_geometric
from guanxi.simulation.transactions import simulate_transactions

__all__ = [
    "Company",
    "Effects",
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
    "simulate_transactions",
]
