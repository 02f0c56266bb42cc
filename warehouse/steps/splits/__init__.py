"""Sessions become train, validation and test, by time."""
