"""Every knob once: its default, its meaning, and whether a value can be meant."""
