"""The assets of data, a file each: events (and rejected events), items, sessions, splits."""
