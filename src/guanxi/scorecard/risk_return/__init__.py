"""Risk and return: expected value against its risk, efficient shares of segments, decision tree by tier."""
