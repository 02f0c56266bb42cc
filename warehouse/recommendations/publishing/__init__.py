"""A night is staged, audited and published; older nights are kept, rolled back or let go."""
