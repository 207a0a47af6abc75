"""Models of the amount of a purchase."""
