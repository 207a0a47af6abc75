"""Level of the portfolio: how far totals will be from those of the value model, and how certain that is."""
