"""Clicks become sessions that keep every promise."""
