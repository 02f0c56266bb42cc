"""Data at rest: events, sessions, splits, recommendations."""
