"""Decisions on customers, one package per question, each entered through its door."""
