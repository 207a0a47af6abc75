"""Customer segments: RFM cells, lifecycle stages, clusters and recommended actions."""
