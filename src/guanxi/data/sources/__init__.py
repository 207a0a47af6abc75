"""Sources of data: datasets, files and databases."""
