"""Training speed on one device: the plain eager way, ours replayed, compiled, and compiled with TF32, in turn.

Ours are whole epochs, with windows, copies, losses and the last chunk that is not full; the eager way runs some steps.
"""

import time
from collections.abc import Iterator
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.eager import EagerGRU4Rec
from benchmarks.gpu.tried import tried
from benchmarks.train_speed import sessions_of
from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import forget_compiled
from gru4rec.training.trainer import Trainer
from gru4rec.training.windows.schedule import Steps, build_schedule

SETTINGS: dict[str, tuple[Config, int]] = {  # and how many times as fast as the eager way is asked for
    "XE, 100 units, B = 32": (PRESETS["rsc15"], 30),
    "XE, 100 units, B = 128": (PRESETS["rsc15"].override({"batch_size": 128}), 30),
    "XE, 512 units, B = 240": (PRESETS["rees46"], 28),
    "BPR-max, 224 units, B = 80": (PRESETS["retailrocket"], 45),
}
SMALL = {"hidden_size": 16, "n_sample": 64, "batch_size": 8}  # of a quick run
ITEMS, SESSIONS = 17_376, 60_000  # as many items as RSC15 1/64
ROUNDS, EAGER_STEPS = 3, 200

WAYS: dict[str, dict[str, Any]] = {
    "graph": {"precision": "float32"},
    "compiled": {"compile": True, "precision": "float32"},
    "compiled, precision=auto": {"compile": True, "precision": "auto"},
}


def speed(device: torch.device, quick: bool) -> bool:
    """Print steps a second of each setting and way; returns whether all could be measured."""
    sessions, counts = sessions_of(500 if quick else ITEMS, 300 if quick else SESSIONS)
    ways = WAYS if device.type == "cuda" else {"graph": {}}
    print("| setting | way | steps/s | eager, steps/s | × eager | asked | events/s | first epoch, s |")
    print("|---|---|---|---|---|---|---|---|")
    good = True
    for name, (setting, asked) in SETTINGS.items():
        config = setting.override({"epochs": 1, **(SMALL if quick else {})})
        forget_compiled()
        contest = Contest(sessions, counts, config, device)
        for way, changes in ways.items():
            good &= tried(f"{name}, {way}", partial(contest.enter, way, changes))
        for _ in range(1 if quick else ROUNDS):
            good &= tried(f"{name}, a round", partial(contest.round, 20 if quick else EAGER_STEPS))
        contest.show(name, asked)
    return good


class Contest:
    """Ours in some ways against the eager way, on one setting."""

    def __init__(self, sessions: Sessions, counts: np.ndarray, config: Config, device: torch.device) -> None:
        self.given = sessions, counts
        self.config, self.device = config, device
        self.eager = eager_steps(sessions, counts, config, device)
        self.theirs: list[float] = []
        self.ours: dict[str, Epochs] = {}
        self.first: dict[str, float] = {}
        self.rates: dict[str, list[float]] = {}

    def enter(self, way: str, changes: dict[str, Any]) -> None:
        """Make a first epoch in some way, which compiles and captures."""
        epochs = Epochs(*self.given, self.config.override(changes), self.device)
        epochs.steps_per_second()
        self.ours[way], self.first[way], self.rates[way] = epochs, epochs.last_seconds, []

    def round(self, steps: int) -> None:
        """Let each of ours make an epoch, and the eager way some steps."""
        for way, epochs in self.ours.items():
            self.rates[way].append(epochs.steps_per_second())
        if not self.theirs:
            eager_speed(self.eager, 10, self.device)
        self.theirs.append(eager_speed(self.eager, steps, self.device))

    def show(self, name: str, asked: int) -> None:
        """Print a row a way, of what was measured."""
        them = median(self.theirs) if self.theirs else float("nan")
        for way, rates in self.rates.items():
            if rates:
                rate, events = median(rates), self.ours[way].events_per_step
                ratio = f"{rate:.0f} | {them:.0f} | {rate / them:.1f} | {asked}"
                print(f"| {name} | {way} | {ratio} | {rate * events:.0f} | {self.first[way]:.1f} |", flush=True)


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
