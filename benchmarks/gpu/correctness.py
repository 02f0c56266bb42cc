"""Float64: windows made by a device against those of the host, and its updates, replayed and compiled, against a CPU's.

Rounding grows from update to update, and cross-entropy amplifies it most: weights that differ by 1e-6 after an epoch of
some two hundred updates are equal; in float32 they would differ by a fifth, with the same losses.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from benchmarks.gpu.tried import tried
from benchmarks.train_speed import sessions_of
from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.build import build_model
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import CapturedRunner, Runner, forget_compiled
from gru4rec.training.trainer import Trainer, build_step
from gru4rec.training.update.step import Step
from gru4rec.training.windows.device_loader import DeviceLoader
from gru4rec.training.windows.loader import CHUNK, WindowLoader
from gru4rec.training.windows.schedule import build_schedule
from gru4rec.training.windows.window import Window

ITEMS, EPOCHS = 300, 2
BASE = {"hidden_size": 32, "batch_size": 16, "n_sample": 128, "dropout_embedding": 0.2}
FEATURES = {"selected_features": {"genre": "auto", "price": "auto"}, "id_dropout": 0.3}
SETTINGS: dict[str, dict[str, Any]] = {
    "XE": {"sample_alpha": 0.75},
    "BPR-max, momentum": {"loss": "bpr-max", "elu": 0.5, "momentum": 0.4, "learning_rate": 0.05},
    "separate, 2 layers, k = 2": {"embedding": "separate", "num_layers": 2, "bptt": 2, "dropout_hidden": 0.1},
    "features": {**FEATURES, "architecture": "shared-output", "training": "simultaneous"},
    "features, in turns, titles": {
        **FEATURES, "selected_features": {"genre": "auto", "title": "text"}, "training": "interleaving",
    },
    "features, maxima, 2 layers": {
        **FEATURES, "pooling_mode": "max", "num_layers": 2, "bptt": 2, "training": "alternating",
    },
}  # fmt: skip
WAYS: dict[str, Callable[[Step], Runner]] = {
    "update by update": lambda step: Runner(step, compiles=False),
    "graph": lambda step: CapturedRunner(step, CHUNK, compiles=False),
    "compiled, graph": lambda step: CapturedRunner(step, CHUNK, compiles=True),
}
# Compiling takes 4 to 15 s each, and what trains in turns is compiled twice: those are left out.
COMPILED = ("XE", "BPR-max, momentum", "separate, 2 layers, k = 2", "features")
LARGEST = 1e-6  # difference of weights, and relative difference of losses


def check(device: torch.device, quick: bool) -> bool:
    """Print a table of differences; returns whether all are below LARGEST."""
    sessions, _ = sessions_of(ITEMS, 300 if quick else 1200)

    def row(name: str, way: str) -> bool:
        config = Config().override({**BASE, **SETTINGS[name]})
        windows, losses, weights, updates = differences(sessions, config, device, WAYS[way])
        equal = windows < 1e-12 and losses < LARGEST and weights < LARGEST
        figures = f"{updates} | {windows:.1g} | {losses:.1g} | {weights:.1g} | {'equal' if equal else 'NOT EQUAL'}"
        print(f"| {name} | {way} | {figures} |", flush=True)
        return equal

    def resumed(name: str) -> None:
        apart = after_resuming(sessions, Config().override({**BASE, **SETTINGS[name]}), device)
        print(f"\n{name}, float32, stopped and resumed: weights differ by {apart:.1g}", flush=True)

    print("| setting | way | updates | windows differ by | losses | weights | |")
    print("|---|---|---|---|---|---|---|")
    good = True
    for way in WAYS if device.type == "cuda" else ("update by update",):
        for name in SETTINGS:
            if way != "compiled, graph" or name in COMPILED:
                forget_compiled()
                good &= tried(f"{name}, {way}", partial(row, name, way))
    for name in list(SETTINGS)[:2]:
        good &= tried(f"{name}, resumed", partial(resumed, name))
    return good


def differences(
    sessions: Sessions, config: Config, device: torch.device, make: Callable[[Step], Runner]
) -> tuple[float, float, float, int]:
    """Largest differences of windows, losses (relative) and weights, and the number of updates."""
    here, there = model_of(config, "cpu", torch.float64), model_of(config, device, torch.float64)
    loader = DeviceLoader(sessions, there, config, torch.Generator(device).manual_seed(1))
    host = WindowLoader(sessions, here, config, torch.Generator().manual_seed(1), static=True)
    drawn = Passing(loader.draws.sampler)
    loader.draws.sampler = host.draws.sampler = drawn  # type: ignore[assignment]
    step, step_there = (build_step(model, config, static=True) for model in (here, there))
    runner = make(step_there)
    schedule = build_schedule(sessions, config.train.batch_size, window=config.train.bptt)
    in_windows = in_losses = 0.0
    updates = 0
    for epoch in range(1, EPOCHS + 1):  # the first chunk is never replayed
        step.begin_epoch(epoch)
        step_there.begin_epoch(epoch)
        for (stack, _), (expected, _) in zip(loader.chunks(schedule), host.chunks(schedule), strict=True):
            stack = step_there.drawn(stack)  # so that both leave out the same ids
            losses = runner.updates(stack).tolist()
            for found, wanted, loss in zip(stack, expected, losses, strict=True):
                moved = found.map(torch.Tensor.cpu)
                parts = zip(
                    (*moved.items, *moved[1:3]), (*wanted.items, *wanted[1:3]), strict=True
                )  # the rest is random
                apart = [float((a - b).abs().max()) for a, b in parts if a is not None and b is not None]
                in_windows = max(in_windows, *apart)
                with torch.inference_mode():
                    reference = float(step.run(Window(*wanted[:3], *moved[3:])))
                in_losses = max(in_losses, abs(loss - reference) / max(1.0, abs(reference)))
                updates += 1
    return in_windows, in_losses, apart_by(here, there), updates


class Passing:
    """A sampler whose draws are passed on: a chunk of a device's loader is drawn, and the host's next chunk gets it."""

    def __init__(self, sampler: Any) -> None:
        self.sampler, self.waiting = sampler, torch.empty(0)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        """Draw for the device, and give the host the same."""
        if len(self.waiting):
            drawn, self.waiting = self.waiting, torch.empty(0)
            return drawn.cpu()
        self.waiting = self.sampler.draw(shape, generator)
        return self.waiting


def model_of(config: Config, device: torch.device | str, dtype: torch.dtype) -> GRU4Rec:
    vocabulary, features = Vocabulary.build(np.arange(ITEMS)), None
    if config.features.selected_features:
        every = np.arange(ITEMS)
        genres = [None if n % 7 == 0 else "|".join(sorted({"abcdef"[n % 6], "abcdef"[n % 4]})) for n in every]
        titles = [" ".join(f"w{n * step % 400}" for step in range(1, 2 + n % 9)) for n in every]
        table = pa.table({"item_id": every, "genre": genres, "price": every / 3, "title": titles})
        sessions = Sessions.from_lists([every.tolist()])
        features = Dataset(sessions, vocabulary, table).with_features(config.features).features
    model = build_model(config, vocabulary, features, device=device, dtype=dtype)
    model.initialise(3)
    return model


def apart_by(one: GRU4Rec, other: GRU4Rec) -> float:
    other_tensors = other.tensors()
    return max(float((value.cpu() - other_tensors[name].cpu()).abs().max()) for name, value in one.tensors().items())


def after_resuming(sessions: Sessions, config: Config, device: torch.device) -> float:
    """Difference of the weights after two epochs, with and without a stop between them.

    On a GPU sums that several threads add to have no fixed order; how far that goes is what is measured.
    """
    whole, stopped, resumed = (
        Trainer(model_of(config, device, torch.float32), sessions, config, on_device=True) for _ in range(3)
    )
    for trainer in (whole, stopped):
        list(trainer.epoch(1))
    resumed.restore({name: value.clone() for name, value in stopped.tensors().items()})
    for trainer in (whole, resumed):
        list(trainer.epoch(2))
    return apart_by(whole.model, resumed.model)
