"""Training speed on one device: the plain eager way, ours replayed, compiled, and compiled with TF32, round by round.

Ours are whole epochs, with windows, copies, losses and the last chunk that is not full; the eager way runs some steps.
"""

import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.eager import EagerGRU4Rec
from benchmarks.train_speed import sessions_of
from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import forget_compiled
from gru4rec.training.trainer import Trainer
from gru4rec.training.windows.schedule import Steps, build_schedule

SETTINGS: dict[str, Config] = {
    "XE, 100 units, B = 32": PRESETS["rsc15"],
    "XE, 100 units, B = 128": PRESETS["rsc15"].override({"batch_size": 128}),
    "XE, 512 units, B = 240": PRESETS["rees46"],
    "BPR-max, 224 units, B = 80": PRESETS["retailrocket"],
}
SMALL = {"hidden_size": 16, "n_sample": 64, "batch_size": 8}  # of a quick run
ITEMS, SESSIONS = 17_376, 60_000  # as many items as RSC15 1/64
ROUNDS, EAGER_STEPS = 5, 200


WAYS: dict[str, dict[str, Any]] = {
    "graph": {},
    "compiled": {"compile": True},
    "compiled, precision=auto": {"compile": True, "precision": "auto"},
}


def speed(device: torch.device, quick: bool) -> bool:
    """Print steps a second of each setting and way."""
    sessions, counts = sessions_of(500 if quick else ITEMS, 300 if quick else SESSIONS)
    ways = WAYS if device.type == "cuda" else {"graph": {}}
    print(f"| setting | eager, steps/s | {', steps/s | '.join(ways)}, steps/s | × eager | events/s | first epochs, s |")
    print("|---|---|" + "---|" * len(ways) + "---|---|---|")
    for name, setting in SETTINGS.items():
        config = setting.override({"epochs": 1, **(SMALL if quick else {})})
        eager = eager_steps(sessions, counts, config, device)
        forget_compiled()
        ours = [Epochs(sessions, counts, config.override(changes), device) for changes in ways.values()]
        eager_speed(eager, 10, device)
        first = [f"{way.steps_per_second() and way.last_seconds:.1f}" for way in ours]
        theirs, mine = [], [list[float]() for _ in ours]
        for _ in range(1 if quick else ROUNDS):
            theirs.append(eager_speed(eager, 20 if quick else EAGER_STEPS, device))
            for way, found in zip(ours, mine, strict=True):
                found.append(way.steps_per_second())
        rates, them = [median(found) for found in mine], median(theirs)
        columns = (
            f"{them:.0f}",
            *(f"{rate:.0f}" for rate in rates),
            ", ".join(f"{rate / them:.1f}" for rate in rates),
            ", ".join(f"{rate * ours[0].events_per_step:.0f}" for rate in rates),
            ", ".join(first),
        )
        print(f"| {name} | {' | '.join(columns)} |", flush=True)
    return True


class Epochs:
    """Whole epochs of one training, as fast as they go."""

    def __init__(self, sessions: Sessions, counts: np.ndarray, config: Config, device: torch.device) -> None:
        model = GRU4Rec(config.model, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)), device=device)
        model.initialise(1)
        self.trainer = Trainer(model, sessions, config, on_device=True)
        self.steps = len(build_schedule(sessions, config.train.batch_size))
        self.events_per_step = self.trainer.events / self.steps
        self.done, self.last_seconds = 0, 0.0

    def steps_per_second(self) -> float:
        """Of one more epoch."""
        self.done += 1
        begin = time.perf_counter()
        for _ in self.trainer.epoch(self.done):
            pass  # the epoch ends by reading weights, so nothing is under way after it
        self.last_seconds = time.perf_counter() - begin
        return self.steps / self.last_seconds


def eager_steps(sessions: Sessions, counts: np.ndarray, config: Config, device: torch.device) -> Iterator[Any]:
    """Steps without end; those with empty lanes, the last of an epoch, are left out."""
    model = EagerGRU4Rec(counts, config, device)
    schedule = build_schedule(sessions, config.train.batch_size)
    full = (schedule.position >= 0).all(1)
    steps = Steps(schedule.position[full], schedule.first[full])
    while True:
        yield from model.epoch(sessions.items, steps)


def eager_speed(run: Iterator[Any], steps: int, device: torch.device) -> float:
    begin = time.perf_counter()
    for _ in range(steps):
        next(run)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return steps / (time.perf_counter() - begin)
