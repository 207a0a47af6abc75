"""Customer scores from indicators and weights, with reasons."""
