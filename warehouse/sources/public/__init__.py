"""Importers of the public logs, one a file."""
