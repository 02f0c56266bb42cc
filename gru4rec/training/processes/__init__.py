"""Training by several processes: the leader holds data and recipe, the workers help with its updates."""
