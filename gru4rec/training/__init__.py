"""From sessions to weights: schedule, windows, one update written by hand, epochs, members."""
