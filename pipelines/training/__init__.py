"""The asset of the model, one night's training, and the search for better parameters."""
