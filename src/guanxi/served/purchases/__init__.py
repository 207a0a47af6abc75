"""Processes of repeat purchases and of dropout."""
