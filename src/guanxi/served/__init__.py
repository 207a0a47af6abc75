"""Code carried by every registered model: copied verbatim, it imports nothing else from guanxi."""
