"""Contracts of customers: three forms of source, one canonical table."""
