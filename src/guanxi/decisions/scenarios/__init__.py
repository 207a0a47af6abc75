"""What customer equity would be if margins, retention, orders, costs or the discount rate moved.

This package exports everything that ``jobs`` use.
"""
