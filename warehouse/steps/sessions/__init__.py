"""Clicks become sessions: without robots, long enough, and of items that are frequent enough."""
