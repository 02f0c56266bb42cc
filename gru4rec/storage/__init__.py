"""Models and unfinished runs on disk: whole or not at all, and never a pickle."""
