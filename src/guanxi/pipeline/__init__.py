"""Everything fitted at one cutoff: training and backtest both call it."""
