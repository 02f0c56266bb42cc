"""Ports of loopback for servers that tests start."""

import secrets
import socket

# Systems give outgoing connections a port from 32768 up: one chosen there may be gone before a server takes it.
LOWEST, HIGHEST = 20_000, 32_767


def free_port() -> int:
    """A port that nothing has, of those that no outgoing connection gets."""
    for _ in range(1_000):
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST + 1)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no port between {LOWEST} and {HIGHEST} is free")
