"""Sources, canonical transactions and output files."""
