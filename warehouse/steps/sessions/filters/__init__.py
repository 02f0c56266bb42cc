"""Sessions that are too short and items that are too rare are dropped, again and again until both minima hold."""
