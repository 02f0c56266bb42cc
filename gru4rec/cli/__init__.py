"""`gru4rec` in the shell: one module a command, and what the commands read and write."""
