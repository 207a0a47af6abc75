"""Customers with known truth, one module per model."""

from guanxi.simulation.bg_nbd import simulate_bg_nbd, simulate_bg_nbd_transactions

__all__ = ["simulate_bg_nbd", "simulate_bg_nbd_transactions"]
