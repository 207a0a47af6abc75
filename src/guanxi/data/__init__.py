"""From a source to canonical transactions, and back out to files."""
