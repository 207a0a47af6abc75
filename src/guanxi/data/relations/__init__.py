"""The tables beside the transactions, and their rules."""
