"""How many processor threads work gets where nobody says: as many as pay, never more than are free.

A thread that waits for a core holds all others up at every operation, so a second one costs far more than it brings
where operations are small or the cores have other work (docs/benchmarks/training.md, scoring.md).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

PAYS = 3e8  # floating-point operations between two waits for all threads that keep one more of them busy
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a Linux container: microseconds of processor time, and in how many


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """Let torch have so many threads for a while; None: as many as it has."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def paying(operations: float) -> int:
    """Threads on this machine, now, for work of so many operations at a time: at most torch's own number."""
    return choose(operations, min(torch.get_num_threads(), free_cores(cores(), os.getloadavg()[0])))


def choose(operations: float, free: int) -> int:
    """Threads for work of so many floating-point operations at a time where so many cores are free: at least 1."""
    return max(1, min(int(operations / PAYS), free))


def free_cores(available: int, load: float) -> int:
    """How many cores nobody else uses.

    Args:
        available: cores that this process may run on.
        load: how many threads of the whole machine ran or waited in the last minute; one of them counts as our own.
    """
    return max(1, min(available, round(available - max(0.0, load - 1.0))))


def cores() -> int:
    """Cores that this process may run on: its affinity, within a container's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, _quota(QUOTA.read_text()) or allowed) if QUOTA.exists() else allowed


def _quota(text: str) -> int | None:
    """Whole cores of a cgroup's cpu.max, at least 1; None for no limit."""
    share, period = text.split()
    return None if share == "max" else max(1, int(share) // int(period))
