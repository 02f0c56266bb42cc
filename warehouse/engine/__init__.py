"""What runs SQL: the protocol, DuckDB behind it, statements, scans of files, row groups."""
