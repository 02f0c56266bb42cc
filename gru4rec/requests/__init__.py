"""Requests to a served model: read and judged (rows.py), and the guard before the server that takes them (guard.py)."""
