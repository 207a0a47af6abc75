"""Features of customers under contract, as of a day."""
