"""What a CUDA graph may hold: an update asks its device for nothing and takes nothing from the host on the way."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.build import build_model
from gru4rec.training.trainer import build_step
from gru4rec.training.update.step import Step
from gru4rec.training.windows.device_loader import DeviceLoader
from gru4rec.training.windows.schedule import build_schedule
from gru4rec.training.windows.window import Stack
from tests.gru4rec.comparing import random_sessions
from tests.gru4rec.waiting import waits

ITEMS = 12
SMALL = {"hidden_size": 4, "batch_size": 3, "n_sample": 5, "dropout_embedding": 0.2}
FEATURES = {"selected_features": {"colour": "auto", "title": "text"}, "id_dropout": 0.3, "clip_norm": 1.0}


def step_and_windows(config: Config) -> tuple[Step, Stack]:
    """An update and the first windows of an epoch, without values."""
    sessions, vocabulary = random_sessions(60, ITEMS, 1), Vocabulary.build(np.arange(ITEMS))
    titles = [f"red {number % 5} shoe" for number in range(ITEMS)]
    table = pa.table({"item_id": range(ITEMS), "colour": [f"{n % 4}" for n in range(ITEMS)], "title": titles})
    features = Dataset(sessions, vocabulary, table).with_features(config.features).features
    model = build_model(config, vocabulary, features)
    step = build_step(model, config, static=True)
    assert step.capturable
    loader = DeviceLoader(sessions, model, config, torch.Generator().manual_seed(1))
    stack, _ = next(loader.chunks(build_schedule(sessions, config.train.batch_size, window=config.train.bptt)))
    step.begin_epoch(1)
    drawn = step.drawn(stack)
    assert isinstance(drawn, Stack)
    return without_values(step, {}), Stack(drawn.parts.map(lambda part: part.to("meta")))


def without_values(thing: Any, done: dict[int, Any]) -> Any:
    """The same thing with all tensors below it on the device "meta"; objects are changed in place."""
    if isinstance(thing, Tensor):
        return done.setdefault(id(thing), (thing, thing.to("meta")))[1]  # kept: its identity is used once
    if isinstance(thing, dict):
        return {key: without_values(value, done) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        parts = [without_values(part, done) for part in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else type(thing)(parts)
    if type(thing).__module__.startswith("gru4rec.") and hasattr(thing, "__dict__") and id(thing) not in done:
        done[id(thing)] = thing
        for name, value in vars(thing).items():
            object.__setattr__(thing, name, without_values(value, done))
    return thing


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"momentum": 0.3, "cosine": 8.0}, id="cosines, momentum"),
        pytest.param({"loss": "bpr-max", "elu": 0.5, "precision": "bf16"}, id="bpr-max, bf16"),
        pytest.param({"loss": "top1-max", "optimizer": "adam", "clip_norm": 1.0}, id="top1-max, adam, clipped"),
        pytest.param({"loss": "bpr", "embedding": "one-hot", "n_sample": 0, "dropout_embedding": 0}, id="bpr, one-hot"),
        pytest.param({"embedding": "separate", "num_layers": 2, "bptt": 2, "dropout_hidden": 0.1}, id="two layers"),
        pytest.param({**FEATURES, "architecture": "parallel", "pooling_mode": "max"}, id="features, maxima"),
        pytest.param({**FEATURES, "architecture": "shared-output", "bptt": 2}, id="features, shared output"),
    ],
)
@torch.inference_mode()
def test_an_update_waits_for_nothing(changes: dict[str, Any]) -> None:
    step, windows = step_and_windows(Config().override({**SMALL, **changes}))
    window = windows[0]
    assert step.update(window).is_meta
    assert waits(lambda: step.update(window)) == []
