"""Code carried by every registered model: copied whole, it imports nothing else of guanxi."""
