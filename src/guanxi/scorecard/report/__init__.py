"""The scorecard's section of the page, its own page, and its workbook."""
