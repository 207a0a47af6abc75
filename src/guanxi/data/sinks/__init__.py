"""Where results go: files, folders, databases, workbooks; whole or not at all."""
