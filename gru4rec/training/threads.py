"""How many processor threads a training gets where nobody says: as many as pay, never more than are free.

A thread that waits for a core holds all others up at every operation, so a second one costs far more than it brings
where updates are small or the cores have other work (docs/benchmarks/training.md).
"""

import os
from pathlib import Path

import torch

from gru4rec.config.options import Config

PAYS = 3e8  # floating-point operations of an update's products that keep one more thread busy
QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a Linux container: microseconds of processor time, and in how many


def paying_threads(config: Config, processes: int = 1) -> int:
    """Threads for each process of a training on this machine, now: 1 for narrow models, at most torch's own number."""
    threads = choose(update_operations(config), min(torch.get_num_threads(), free_cores(cores(), os.getloadavg()[0])))
    return max(1, threads // processes)


def choose(operations: float, free: int) -> int:
    """Threads for updates of so many floating-point operations where so many cores are free: at least 1."""
    return max(1, min(int(operations / PAYS), free))


def update_operations(config: Config) -> float:
    """Floating-point operations of the matrix products of one update, of the member that needs most."""
    return max(_member_operations(config.member(order)) for order in range(config.train.members))


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


def _member_operations(config: Config) -> float:
    model, lanes = config.model, config.train.batch_size * config.train.bptt
    candidates = config.train.batch_size * config.train.bptt + config.negatives.n_sample
    gates = 5 * 3 * model.hidden_size**2 * model.num_layers  # two products forward, three backward
    return 2.0 * lanes * (3 * candidates * model.hidden_size + gates)
