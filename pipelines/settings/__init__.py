"""What can be set: knobs.py names every section; the other files define, read, check and show their knobs."""
