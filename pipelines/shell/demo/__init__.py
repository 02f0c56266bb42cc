"""`make demo`: the whole pipeline on MovieLens 100K, or on the synthetic shop where there is no network."""
