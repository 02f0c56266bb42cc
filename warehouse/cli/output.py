"""Standard output whose reader may go away before the end, as `| head` does."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_unread() -> Iterator[None]:
    """End the block without a word once nobody reads standard output any more.

    It is turned to the null device then, for Python writes what is left when it ends: the way of Python's
    documentation (signal, "Note on SIGPIPE"). A pipe that breaks elsewhere is an error as before.
    """
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_unread() -> bool:
    """Whether standard output is a pipe without a reader, which is an error that `poll` tells unasked."""
    look = select.poll()
    look.register(sys.stdout.fileno(), 0)
    return bool(look.poll(0))
