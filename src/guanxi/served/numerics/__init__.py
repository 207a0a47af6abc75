"""Quadrature, cubature and distinct rows."""
