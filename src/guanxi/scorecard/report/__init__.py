"""Output of a scorecard: page section, page, workbook and files."""
