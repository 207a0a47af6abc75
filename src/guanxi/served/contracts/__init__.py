"""Formulas of the models of customers under contract."""
