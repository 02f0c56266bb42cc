"""Contexts in, top-N lists out: a few at a time or millions."""
