"""Model fitting at one cutoff, shared by training and backtest."""
