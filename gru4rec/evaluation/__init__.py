"""How good a scorer is on sessions held out: ranks, metrics, intervals, segments."""
