"""The standard plots of the buy-till-you-die literature."""
