"""Rules of the shop: which n of a list's best candidates stand in it, and in what order."""
