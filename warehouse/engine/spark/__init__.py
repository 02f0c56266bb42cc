"""Spark behind the protocol of the engine: the same statements on many machines, which share a file system."""
