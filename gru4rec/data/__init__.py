"""What is learnt from: events as sessions, the vocabulary of their items, and item features."""
