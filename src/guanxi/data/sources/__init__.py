"""Where data come from: data sets, files, databases."""
