"""Weights of events by how long a user stayed with an item."""
