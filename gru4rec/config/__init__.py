"""What can be asked for: options with their defaults, the published presets, and auto. Imports no torch."""
