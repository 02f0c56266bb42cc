"""Epochs that end early, for benchmarks of memory: what they read is what a whole epoch reads."""

import itertools
from collections.abc import Iterator


def stop_early(updates: int) -> None:
    """Make every epoch of this process end after so many updates, with all of its sessions read."""
    from gru4rec.training.trainer import Trainer
    from gru4rec.training.windows.loader import CHUNK

    whole = Trainer.epoch

    def epoch(self: Trainer, number: int) -> Iterator[tuple[float, int]]:
        yield from itertools.islice(whole(self, number), max(1, updates // CHUNK))
        sessions = self._sessions
        for part in (sessions.items, sessions.offsets, sessions.weights):
            if part is not None:
                for begin in range(0, len(part), 1 << 20):
                    part[begin : begin + (1 << 20)].sum()

    Trainer.epoch = epoch  # type: ignore[method-assign]
