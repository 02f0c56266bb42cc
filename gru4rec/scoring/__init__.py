"""What every model and baseline is to the rest: a scorer. The best of its scores, and probabilities made of them."""
