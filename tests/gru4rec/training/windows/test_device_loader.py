"""What the device makes is what WindowLoader makes with static shapes, and the host is never asked."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.device_loader import DeviceLoader
from gru4rec.training.windows.loader import CHUNK, WindowLoader
from gru4rec.training.windows.schedule import build_schedule
from gru4rec.training.windows.window import Stack, Window
from tests.gru4rec.comparing import random_sessions

ITEMS = 12
SMALL = {"hidden_size": 4, "batch_size": 3, "n_sample": 5, "sample_alpha": 0.5}


def pair_of(sessions: Sessions, config: Config) -> tuple[WindowLoader, DeviceLoader]:
    model = GRU4Rec(config.model, Vocabulary.build(np.arange(ITEMS)))
    first, second = (torch.Generator().manual_seed(config.train.seed) for _ in range(2))
    return WindowLoader(sessions, model, config, first, static=True), DeviceLoader(sessions, model, config, second)


def with_weights(sessions: Sessions) -> Sessions:
    weights = np.random.default_rng(4).random(len(sessions.items)).astype(np.float32)
    return Sessions(sessions.items, sessions.offsets, weights=weights)


def assert_same(found: Window, expected: Window) -> None:
    ours, theirs = found.tensors(), expected.tensors()
    assert len(ours) == len(theirs)
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert mine.dtype == other.dtype
        torch.testing.assert_close(mine, other, rtol=5e-7 if number == 1 else 0.0, atol=0.0)  # 1: sums of weights


@pytest.mark.parametrize(
    ("sessions", "changes"),
    [
        pytest.param(random_sessions(150, ITEMS, 1), {}, id="chunks, the last not full"),
        pytest.param(random_sessions(5, ITEMS, 2), {}, id="an epoch of fewer steps than a chunk"),
        pytest.param(random_sessions(30, ITEMS, 3), {"batch_size": 1}, id="one lane"),
        pytest.param(random_sessions(4, ITEMS, 3), {"batch_size": 9}, id="more lanes than sessions"),
        pytest.param(random_sessions(30, ITEMS, 4), {"n_sample": 0}, id="no negatives"),
        pytest.param(random_sessions(30, ITEMS, 5), {"embedding": "separate"}, id="separate embedding"),
        pytest.param(random_sessions(30, ITEMS, 6), {"embedding": "one-hot"}, id="one-hot input"),
        pytest.param(random_sessions(90, ITEMS, 7), {"bptt": 3, "dropout_hidden": 0.2}, id="windows of three steps"),
        pytest.param(random_sessions(30, ITEMS, 8), {"dropout_embedding": 0.3, "num_layers": 2}, id="dropout"),
        pytest.param(random_sessions(30, ITEMS, 9), {"loss": "bpr-max"}, id="no logQ"),
        pytest.param(with_weights(random_sessions(30, ITEMS, 10)), {}, id="weights"),
    ],
)
def test_every_window_of_an_epoch_is_that_of_the_cpu(sessions: Sessions, changes: dict[str, Any]) -> None:
    config = Config().override({**SMALL, **changes})
    loader, on_device = pair_of(sessions, config)
    schedule = build_schedule(sessions, config.train.batch_size, window=config.train.bptt)
    for _ in range(2):  # the second epoch goes on with the generator's state
        chunks = list(zip(on_device.chunks(schedule), loader.chunks(schedule), strict=True))
        for (stack, events), (windows, expected_events) in chunks:
            assert events == expected_events
            assert len(stack) == len(windows)
            for found, expected in zip(stack, windows, strict=True):
                assert_same(found, expected)
    assert sum(events for (_, events), _ in chunks) == schedule.events


def test_another_schedule_is_moved_to_the_device() -> None:
    sessions, config = random_sessions(20, ITEMS, 1), Config().override(SMALL)
    loader, on_device = pair_of(sessions, config)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(sessions))
        schedule = build_schedule(sessions, config.train.batch_size, order=order)
        for (stack, _), (windows, _) in zip(on_device.chunks(schedule), loader.chunks(schedule), strict=True):
            for found, expected in zip(stack, windows, strict=True):
                assert_same(found, expected)


class Operations(TorchDispatchMode):
    """Notes the operations that reach a device."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("embedding", ["shared", "separate"])
def test_no_operation_waits_for_the_host(embedding: str) -> None:
    """Each of these hands a number or a shape to the host, which has to wait for the device to know it."""
    waiting = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive",
               "bincount", "repeat_interleave", "is_nonzero", "equal"}  # fmt: skip
    sessions = with_weights(random_sessions(300, ITEMS, 1))
    config = Config().override({**SMALL, "embedding": embedding, "dropout_hidden": 0.2})
    _, loader = pair_of(sessions, config)
    chunks = loader.chunks(build_schedule(sessions, config.train.batch_size))
    next(chunks)  # moves the schedule
    made = []
    for _ in range(2):
        with Operations() as operations:
            next(chunks)
        made.append(operations.names)
    assert len(made[0]) > 20
    assert not waiting & set(made[0])
    assert made[0] == made[1]


def test_negatives_follow_the_counts_to_the_power_of_alpha() -> None:
    """Pearson's χ² of 160,000 draws over 12 items: 31.3 is passed once in a thousand times; the seed is fixed."""
    sessions = random_sessions(400, ITEMS, 2)
    config = Config().override({**SMALL, "n_sample": 500, "sample_alpha": 0.75})
    _, loader = pair_of(sessions, config)
    drawn = torch.cat([loader.draws.negatives(CHUNK) for _ in range(5)])
    weight = np.bincount(sessions.items, minlength=ITEMS).astype(float) ** 0.75
    expected = drawn.numel() * weight / weight.sum()
    found = np.bincount(drawn.numpy().ravel(), minlength=ITEMS)
    assert ((found - expected) ** 2 / expected).sum() < 31.3


def test_a_stack_gives_its_windows_and_parts_of_itself() -> None:
    sessions, config = random_sessions(20, ITEMS, 1), Config().override(SMALL)
    _, loader = pair_of(sessions, config)
    stack, _ = next(loader.chunks(build_schedule(sessions, config.train.batch_size)))
    assert isinstance(stack, Stack)
    assert len(stack[2:5]) == 3
    assert_same(stack[2:5][1], stack[3])
    assert_same(stack[-1], list(stack)[-1])
    with pytest.raises(IndexError, match="window"):
        stack[len(stack)]
