"""Some users of a night with their lists, for people to look at."""
