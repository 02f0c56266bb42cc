"""Training speed: the product's step against the plain eager way, interleaved in one run.

    .venv/bin/python -m benchmarks.train_speed [--device cpu] [--threads 1] [--only rees46,coveo] [--rounds 9] ...

Both train with the six published parameter sets (K = 2048, shared embedding), and with rsc15 at B = 128, on the same
synthetic sessions, whose items are as popular as those of RSC15 (Zipf's law, exponent 1: as many distinct items a
step). Rounds alternate and the median of each is taken. Times include everything of an epoch: sampling, finding
distinct items, dropout, updates. On a CPU with one thread they are processor seconds of this process, so that other
work on the machine disturbs them less; else wall-clock seconds.

The floor of a step is its bare matrix products: those of its shapes alone, on tensors that lie as the libraries like
them, in the same precision, timed in the same rounds. No step of this model with these products can be faster than
that.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.eager import EagerGRU4Rec
from gru4rec.config.options import Config
from gru4rec.config.presets import PRESETS
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.network.precision import cpu_has_bf16, internal, within
from gru4rec.training.trainer import Trainer
from gru4rec.training.update.operations import operations
from gru4rec.training.windows.schedule import Steps, build_schedule

SETTINGS = {"rsc15": PRESETS["rsc15"], "rsc15 at B=128": PRESETS["rsc15"].override({"batch_size": 128}), **PRESETS}
WARM_STEPS = 192  # a GPU runs the first chunk, captures the second and replays the third; oneDNN makes code for shapes
COLUMNS = ("setting", "loss, units, B", "eager ms/step", "ours ms/step", "eager / ours", "events/s", "tables, MB/step",
           "MFLOP/step", "bare products, ms", "ours / bare products")  # fmt: skip


class Contest(NamedTuple):
    """Seconds a step of one setting, medians over the rounds."""

    eager: float
    ours: float
    products: float


def sessions_of(n_items: int, n_sessions: int, seed: int = 0) -> tuple[Sessions, np.ndarray]:
    """Sessions of 2..8 events over items of Zipf's popularity, and the items' counts (at least 1)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, n_sessions)
    weight = 1.0 / np.arange(1, n_items + 1)
    items = np.searchsorted(np.cumsum(weight) / weight.sum(), rng.random(lengths.sum())).clip(max=n_items - 1)
    items = rng.permutation(n_items)[items]
    counts = np.maximum(np.bincount(items, minlength=n_items), 1)
    return Sessions(items, np.concatenate([[0], np.cumsum(lengths)])), counts


def fast_steps(sessions: Sessions, counts: np.ndarray, config: Config, device: str = "cpu") -> Iterator[int]:
    """Yields the number of steps after each chunk of windows."""
    vocabulary = Vocabulary.build(np.repeat(np.arange(len(counts)), counts))
    model = GRU4Rec(config.model, vocabulary, device=device)
    model.initialise(1)
    trainer = Trainer(model, sessions, config)
    for number in range(1, 1000):
        for _, events in trainer.epoch(number):
            yield events // config.train.batch_size


def eager_steps(sessions: Sessions, counts: np.ndarray, config: Config, device: str = "cpu") -> Iterator[int]:
    """Yields 1 after each step; steps with empty lanes, the last of an epoch, are left out."""
    model = EagerGRU4Rec(counts, config, device)
    schedule = build_schedule(sessions, config.train.batch_size)
    full = (schedule.position >= 0).all(1)
    steps = Steps(schedule.position[full], schedule.first[full])
    while True:
        for _ in model.epoch(sessions.items, steps):
            yield 1


def bare_products(config: Config, candidates: int, device: str = "cpu") -> Iterator[int]:
    """Yields 1 after the products of each step: scores and their two gradients, and the five of the GRU."""
    lanes, size = config.train.batch_size, config.model.hidden_size
    query, rows, d_scores = (
        torch.rand(*shape, device=device) for shape in ((lanes, size), (candidates, size), (lanes, candidates))
    )
    gates, weight = torch.rand(lanes, 3 * size, device=device), torch.rand(3 * size, size, device=device)
    pairs = [(query, rows.t()), (d_scores, rows), (d_scores.t(), query), *[(query, weight.t())] * 2,
             *[(gates.t(), query)] * 2, (gates, weight)]  # fmt: skip
    outs = [torch.mm(a, b) for a, b in pairs]
    rounding = internal(config.train.precision, outs[0].device.type, operations(config), bf16=cpu_has_bf16())
    while True:
        with within(rounding):
            for (a, b), out in zip(pairs, outs, strict=True):
                torch.mm(a, b, out=out)
        yield 1


def seconds_per_step(run: Iterator[int], at_least: int, clock: Callable[[], float]) -> float:
    begin, steps = clock(), 0
    while steps < at_least:
        steps += next(run)
    return (clock() - begin) / steps


def clock_of(device: str) -> Callable[[], float]:
    """Processor seconds for one thread of a CPU, else wall-clock seconds after all that a GPU was given is done."""
    if device == "cpu":
        return time.process_time if torch.get_num_threads() == 1 else time.perf_counter

    def clock() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return clock


def contest(sessions: Sessions, counts: np.ndarray, config: Config, options: argparse.Namespace) -> Contest:
    """Let the three alternate."""
    clock, device = clock_of(options.device), options.device
    ours, eager = fast_steps(sessions, counts, config, device), eager_steps(sessions, counts, config, device)
    products = bare_products(config, round(distinct_candidates(counts, config)), device)
    seconds_per_step(ours, WARM_STEPS, clock)
    seconds_per_step(eager, 5, clock)
    runs = ((eager, options.steps // 2), (ours, options.steps), (products, options.steps // 2))
    times = [[seconds_per_step(run, steps, clock) for run, steps in runs] for _ in range(options.rounds)]
    return Contest(*(median(values) for values in zip(*times, strict=True)))


def floor(config: Config, candidates: float) -> tuple[float, float]:
    """Bytes that a step must move to and from its tables, and the floating-point operations of its products.

    candidates: distinct rows a step scores. Each is read and written with its accumulator (and velocity); the products
    are those of `bare_products`.
    """
    size, lanes = config.model.hidden_size, config.train.batch_size
    states = 3 if config.optimizer.momentum else 2
    dense = 6 * size * size + 6 * size
    moved = 4 * (2 * states * (candidates + lanes) * (size + 1) + 2 * states * dense)
    operations = 3 * 2 * lanes * candidates * size + 5 * 2 * lanes * 3 * size * size
    return moved, operations


def distinct_candidates(counts: np.ndarray, config: Config) -> float:
    """Expected number of distinct items among a step's B targets and K negatives."""
    alpha = counts.astype(float) ** config.negatives.sample_alpha
    drawn, target = alpha / alpha.sum(), counts / counts.sum()
    missed = (1 - drawn) ** config.negatives.n_sample * (1 - target) ** config.train.batch_size
    return float((1 - missed).sum())


def row(name: str, config: Config, found: Contest, candidates: float) -> str:
    """A setting's line of the table."""
    moved, operations = floor(config, candidates)
    kind = f"{config.loss.loss}, {config.model.hidden_size}, {config.train.batch_size}"
    cells = (name, kind, f"{found.eager * 1e3:.2f}", f"{found.ours * 1e3:.2f}", f"{found.eager / found.ours:.2f}",
             f"{config.train.batch_size / found.ours:,.0f}", f"{moved / 1e6:.1f}", f"{operations / 1e6:.0f}",
             f"{found.products * 1e3:.2f}", f"{found.ours / found.products:.2f}")  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def machine(device: str) -> str:
    """The processor in words: a GPU's name, or a CPU's with the vector instructions that matter to products."""
    if device != "cpu":
        return torch.cuda.get_device_name(device)
    found = torch.cpu.get_capabilities()
    wanted = ("avx512_f", "avx512_bf16", "amx_bf16")
    kinds = ", ".join(f"{name} {'yes' if found.get(name) else 'no'}" for name in wanted)
    return f"{found.get('cpu_name') or found['architecture']} ({kinds}), {torch.get_num_threads()} thread(s)"


def main() -> None:
    parser = argparse.ArgumentParser(description="Training speed against the plain eager way.")
    parser.add_argument("--device", default="cpu", help="cpu or cuda; both contestants run there")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--sessions", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=64, help="steps a round")
    parser.add_argument("--only", default="", help="settings by name, with commas between them")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    only = [name for name in options.only.split(",") if name]
    if unknown := set(only) - set(SETTINGS):
        parser.error(f"--only names {sorted(unknown)}; there are {', '.join(SETTINGS)}")
    sessions, counts = sessions_of(options.items, options.sessions)
    run = f"{options.precision}, {options.rounds} rounds of {options.steps} steps"
    print(f"torch {torch.__version__}, {machine(options.device)}, {options.items} items, K = 2048, {run}\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name in only or SETTINGS:
        config = SETTINGS[name].override({"compile": options.compile, "precision": options.precision})
        found = contest(sessions, counts, config, options)
        print(row(name, config, found, distinct_candidates(counts, config)), flush=True)


if __name__ == "__main__":
    main()
