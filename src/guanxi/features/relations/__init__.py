"""Features from the tables beside the transactions, as of a cutoff."""
