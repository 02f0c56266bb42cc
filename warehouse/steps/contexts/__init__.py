"""Who gets a list tonight, what it is made from, and what may stand in it."""
