"""An account of a night for people: what came in, what changed since the night before, some users' lists."""
