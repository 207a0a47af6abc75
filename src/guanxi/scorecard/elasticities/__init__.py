"""Association of value and churn with the indicators."""
