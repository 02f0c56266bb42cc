"""`warehouse` in the shell: one module a subcommand."""
