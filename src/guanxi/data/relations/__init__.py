"""Relation tables in addition to the transactions, and their rules."""
