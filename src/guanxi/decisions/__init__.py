"""Decisions: did it work, what does it earn, and what next."""
