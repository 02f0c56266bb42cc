"""What is added to the product of states and item weights, and how far scores are raised then."""
