"""`warehouse` in the shell: a module a subcommand, with `add_commands(subparsers)`."""
