"""A synthetic shop whose best reachable recall is known."""
