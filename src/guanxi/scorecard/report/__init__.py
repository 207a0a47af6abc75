"""A scorecard's section of a page, its own page, its workbook and its files."""
