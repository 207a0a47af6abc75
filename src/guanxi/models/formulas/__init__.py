"""The mathematics of the value models: pure NumPy and SciPy, nothing of guanxi.

The source of these modules is embedded in the served model file. They import NumPy, SciPy, pandas and each
other (relatively), nothing else. Parameters come first, as a mapping with the paper's symbols as keys;
the arrays after them broadcast against each other.
"""
