"""Ctrl+C and SIGTERM while a job runs in this process: noticed, whatever the code that they met made of them.

Dagster turns them into an exception inside the step. That is not enough to know of them: Python drops an exception that
is raised while it calls a finaliser or a weak reference's callback, DuckDB makes another error of it, Dagster forgets
what came after the last step, and it ends an interrupted job like any that failed.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SOON = 0.1  # seconds after which a dropped interruption comes again: what dropped it has then returned
STOPPING = {signal.SIGINT, signal.SIGTERM}
_asked: list[Callable[[], bool]] = []  # of the block that notices signals, while one does


def noticed() -> bool:
    """Whether a block that notices signals is at work."""
    return bool(_asked)


def came() -> bool:
    """Whether a signal came since that block began; may be asked from any thread."""
    return bool(_asked) and _asked[-1]()


def send(which: int) -> None:
    """Send a signal to the main thread; unlike `_thread.interrupt_main`, it wakes one that sleeps or waits."""
    signal.pthread_kill(threading.main_thread().ident or 0, which)


@contextmanager
def noticing() -> Iterator[Callable[[], bool]]:
    """Notice the signals that ask this process to stop; one whose exception was dropped is sent again.

    For the main thread alone, as all signals of Python are.

    Returns:
        A function that says whether one came since this began.
    """
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    told: set[int] = set()

    def asked() -> bool:
        with suppress(BlockingIOError):  # nothing came
            told.update(STOPPING & set(os.read(read, 65_536)))
        return bool(told)

    dropped, wakeup = sys.unraisablehook, signal.set_wakeup_fd(write)

    def again(lost: "sys.UnraisableHookArgs") -> None:
        dropped(lost)
        if not issubclass(lost.exc_type, Exception) and asked():
            # The same signal: one that runs in the background of a shell does not hear SIGINT.
            threading.Timer(SOON, send, [max(told)]).start()

    sys.unraisablehook = again
    _asked.append(asked)
    try:
        yield asked
    finally:
        _asked.pop()
        sys.unraisablehook = dropped
        signal.set_wakeup_fd(wakeup)
        os.close(read)
        os.close(write)
