"""How value and churn vary with the indicators."""
