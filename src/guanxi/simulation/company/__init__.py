"""A simulated company: purchases, contacts, surveys, tickets, costs, credit, and the underlying truth."""
