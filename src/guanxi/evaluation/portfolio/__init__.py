"""Totals over all customers or a segment, with intervals."""
