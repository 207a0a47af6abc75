"""Decisions: one package per question."""
