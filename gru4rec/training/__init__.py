"""From sessions to weights: fit, epochs and members; windows (what an update reads) and the update itself."""
