"""The assets of data: events, items, sessions, splits."""
