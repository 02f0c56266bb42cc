"""The assets of evaluation and promotion, one night's comparison, and the gate."""
