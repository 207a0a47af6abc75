"""Everything a registered model carries: it imports nothing of guanxi but itself, and is copied whole."""
