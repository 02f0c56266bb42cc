"""What a model or baseline promises (a scorer), the best of its scores, and probabilities made of them."""
