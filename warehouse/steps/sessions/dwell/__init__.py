"""How long a user stayed with an item, as repeated rows or as a weight."""
