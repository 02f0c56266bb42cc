"""GRU4Rec as a library."""
