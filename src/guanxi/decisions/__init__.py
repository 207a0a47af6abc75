"""Decisions on customers: one package per question, each with its own door."""
