"""Events of a window become clicks: each event with the start of its session."""
