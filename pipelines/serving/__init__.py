"""The asset of the recommendations."""
