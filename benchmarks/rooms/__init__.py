"""The house of the three packages, in figures and as a picture."""
