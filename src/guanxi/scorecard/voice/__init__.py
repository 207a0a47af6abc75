"""What customers say (voice of the customer): topics, churn reasons, drivers of satisfaction, paths."""
