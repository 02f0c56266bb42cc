"""Logs larger than memory: read batch by batch, grouped by session on disk, kept in files that are read in place."""
