"""Training by several processes of one machine: events a second by lanes and processes, and bytes exchanged an update.

    .venv/bin/python -m benchmarks.processes_speed [--processes 1,2,4] [--lanes 64,512,2048] [--updates 64]

Each process has one thread. Bytes are those of the sums that an update exchanges; beside them what docs/scale.md
reckons: (distinct items of the window) x (row of the table) + dense weights, times 4.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

import numpy as np
import torch

from benchmarks.train_speed import sessions_of
from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.processes.leader import Crew, workers
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.parallel_step import ParallelStep

ITEMS = 37_000
EPOCHS = 4  # the first one warms up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", default="1,2", help="numbers of processes, with commas")
    parser.add_argument("--lanes", default="64,512,2048", help="lanes of all processes together, with commas")
    parser.add_argument("--updates", type=int, default=64, help="of an epoch; three are timed")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print("| lanes | processes | ms an update | events/s | x one process | MB an update | reckoned |")
    print("|---|---|---|---|---|---|---|")
    for lanes in _numbers(asked.lanes):
        config = PRESETS["rsc15"].override({"batch_size": lanes})
        sessions, counts = sessions_of(ITEMS, lanes * asked.updates // 3)
        alone = 0.0
        for processes in _numbers(asked.processes):
            seconds, events, updates, exchanged, reckoned = measured(sessions, counts, config, processes)
            alone = alone or seconds
            figures = f"{1000 * seconds / updates:.1f} | {events / seconds:.0f} | {alone / seconds:.2f}"
            bytes_ = f"{exchanged / 1e6:.2f} | {reckoned / 1e6:.2f}" if processes > 1 else "– | –"
            print(f"| {lanes} | {processes} | {figures} | {bytes_} |", flush=True)


def measured(
    sessions: Sessions, counts: np.ndarray, config: Config, processes: int
) -> tuple[float, int, int, int, float]:
    """Seconds, events and updates of an epoch (medians), and bytes of its last update, as they were and as reckoned."""
    model = GRU4Rec(config.model, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)))
    model.initialise(1)
    seconds = []
    with workers(processes):
        crew = Crew(model, sessions, config)
        trainer = Trainer(model, sessions, config)
        crew.begin(trainer)
        for epoch in range(1, EPOCHS + 1):
            begin = time.perf_counter()
            crew.epoch(epoch)
            for _ in trainer.epoch(epoch):
                pass
            seconds.append(time.perf_counter() - begin)
        crew.end()
        step = trainer._step
        updates = len(trainer._in_time)
        exchanged = step.exchanged if isinstance(step, ParallelStep) else 0
    rows = median(_rows(trainer))
    reckoned = 4 * (rows * model.output.shape[1] + model.dense.numel())
    return median(seconds[1:]), trainer.events, updates, exchanged, reckoned


def _rows(trainer: Trainer) -> Iterator[int]:
    """Distinct items of the last windows of an epoch."""
    last = list(trainer._loader.chunks(trainer._in_time))[-1][0]
    return (len(window.items.rows) for window in last[-1:])


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
