"""Training speed: the product's step against the plain eager way, interleaved in one run.

    .venv/bin/python -m benchmarks.train_speed [--threads 1] [--items 37000] [--rounds 12] [--compile] [--bf16]

Both train with the presets rsc15 and retailrocket (K = 2048, shared embedding) on the same synthetic sessions, whose
items are as popular as those of RSC15 (Zipf's law, exponent 1: as many distinct items a step); rounds alternate and the
median of each is taken. Times include everything of an epoch: sampling, finding distinct items, dropout, updates. With
one thread they are processor seconds of this process, so that other work on the machine disturbs them less; else
wall-clock seconds.
"""

import argparse
import time
from collections.abc import Iterator
from statistics import median

import numpy as np
import torch

from benchmarks.eager import EagerGRU4Rec
from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.trainer import Trainer
from gru4rec.training.windows.schedule import build_schedule

SETTINGS = {
    "XE 100 units B=32": PRESETS["rsc15"],
    "XE 100 units B=128": PRESETS["rsc15"].override({"batch_size": 128}),
    "XE 100 units B=240": PRESETS["rsc15"].override({"batch_size": 240}),
    "BPR-max 224 units B=80": PRESETS["retailrocket"],
}


def sessions_of(n_items: int, n_sessions: int, seed: int = 0) -> tuple[Sessions, np.ndarray]:
    """Sessions of 2..8 events over items of Zipf's popularity, and the items' counts (at least 1)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, n_sessions)
    weight = 1.0 / np.arange(1, n_items + 1)
    items = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(lengths.sum())).clip(max=n_items - 1)
    items = rng.permutation(n_items)[items]
    counts = np.maximum(np.bincount(items, minlength=n_items), 1)
    return Sessions(items, np.concatenate([[0], np.cumsum(lengths)])), counts


def fast_steps(sessions: Sessions, counts: np.ndarray, config: Config) -> Iterator[int]:
    """Yields the number of steps after each chunk of windows."""
    model = GRU4Rec(config.model, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)))
    model.initialise(1)
    trainer = Trainer(model, sessions, config)
    for number in range(1, 1000):
        for _, events in trainer.epoch(number):
            yield events // config.train.batch_size


def eager_steps(sessions: Sessions, counts: np.ndarray, config: Config) -> Iterator[int]:
    """Yields 1 after each step; steps with empty lanes, the last of an epoch, are left out."""
    model = EagerGRU4Rec(counts, config)
    schedule = build_schedule(sessions, config.train.batch_size)
    full = (schedule.position >= 0).all(1)
    schedule = type(schedule)(schedule.position[full], schedule.first[full])
    while True:
        for _ in model.epoch(sessions.items, schedule):
            yield 1


def seconds_per_step(run: Iterator[int], at_least: int) -> float:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    begin, steps = clock(), 0
    while steps < at_least:
        steps += next(run)
    return (clock() - begin) / steps


def floor(config: Config, candidates: float) -> tuple[float, float]:
    """Bytes that a step must move to and from its tables, and its floating-point operations, one layer, shared table.

    candidates: distinct rows a step scores. Each is read and written with its accumulator (and velocity); the products
    are scores, their two gradients, and the GRU's, each with its gradients.
    """
    size, lanes = config.model.hidden_size, config.train.batch_size
    states = 3 if config.optimizer.momentum else 2
    dense = 6 * size * size + 6 * size
    moved = 4 * (2 * states * (candidates + lanes) * (size + 1) + 2 * states * dense)
    operations = 3 * 2 * lanes * candidates * (size + 1) + (3 + 2) * 2 * lanes * 3 * size * size
    return moved, operations


def main() -> None:
    parser = argparse.ArgumentParser(description="Training speed against the plain eager way.")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=100, help="steps a round")
    parser.add_argument("--only", default="", help="settings whose name contains this")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sessions, counts = sessions_of(options.items, 60_000)
    product = torch.rand(2000, 2000)
    begin = time.perf_counter()
    for _ in range(5):
        product @ product
    gflops = 5 * 2 * 2000**3 / (time.perf_counter() - begin) / 1e9
    print(f"torch {torch.__version__}, {options.threads} thread(s), {options.items} items, K = 2048; "
          f"a large matrix product runs at {gflops:.0f} GFLOP/s")  # fmt: skip
    print("| setting | eager ms/step | ours ms/step | ratio | events/s | bytes/step | FLOP/step | products alone, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for name, setting in SETTINGS.items():
        if options.only not in name:
            continue
        config = setting.override({"compile": options.compile, "precision": "bf16" if options.bf16 else "float32"})
        ours, eager = fast_steps(sessions, counts, config), eager_steps(sessions, counts, config)
        next(ours)
        seconds_per_step(eager, 5)
        mine, theirs = [], []
        for _ in range(options.rounds):
            mine.append(seconds_per_step(ours, options.steps))
            theirs.append(seconds_per_step(eager, options.steps // 2))
        moved, operations = floor(config, distinct_candidates(counts, config))
        print(
            f"| {name} | {median(theirs) * 1e3:.2f} | {median(mine) * 1e3:.2f} | {median(theirs) / median(mine):.2f} "
            f"| {config.train.batch_size / median(mine):.0f} | {moved / 1e6:.1f} MB | {operations / 1e6:.0f} M "
            f"| {operations / gflops / 1e6:.2f} |",
            flush=True,
        )


def distinct_candidates(counts: np.ndarray, config: Config) -> float:
    """Expected number of distinct items among a step's B targets and K negatives."""
    alpha = counts.astype(float) ** config.negatives.sample_alpha
    drawn, target = alpha / alpha.sum(), counts / counts.sum()
    missed = (1 - drawn) ** config.negatives.n_sample * (1 - target) ** config.train.batch_size
    return float((1 - missed).sum())


if __name__ == "__main__":
    main()
