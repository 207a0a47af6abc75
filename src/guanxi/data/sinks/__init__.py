"""Destinations of results: files, folders, databases and workbooks."""
