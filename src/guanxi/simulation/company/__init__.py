"""A simulated company: purchases, contacts, surveys, tickets, costs, credit, and the truth behind them."""
