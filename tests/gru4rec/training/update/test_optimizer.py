"""The learning rate of an epoch, and that an update which reads it on a device moves weights as one that is told it."""

import pytest
import torch

from gru4rec.config.options import OptimizerConfig
from gru4rec.training.update import optimizer as module
from gru4rec.training.update.optimizer import Optimizer


@pytest.mark.parametrize(
    ("falling", "epochs", "rates"),
    [
        (0.0, 3, [1, 1, 1]),
        (0.4, 1, [1]),
        (0.4, 2, [1, 1 / 2]),
        (0.4, 5, [1, 1, 1, 2 / 3, 1 / 3]),
        (0.4, 7, [1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4]),
        (1.0, 3, [3 / 4, 2 / 4, 1 / 4]),
    ],
)
def test_the_rate_falls_evenly_in_the_last_epochs(falling: float, epochs: int, rates: list[float]) -> None:
    optimizer = Optimizer(OptimizerConfig(learning_rate=0.2, falling=falling), torch.device("cpu"), torch.float64)
    found = []
    for epoch in range(1, epochs + 1):
        optimizer.begin_epoch(epoch, epochs)
        found.append(optimizer.learning_rate)
    assert found == pytest.approx([0.2 * rate for rate in rates])


@pytest.mark.parametrize("momentum", [0.0, 0.4])
@pytest.mark.parametrize("kind", ["adagrad", "sgd", "adam"])
def test_a_rate_on_the_device_moves_weights_as_a_number_does(kind, momentum, monkeypatch) -> None:
    def moved() -> torch.Tensor:
        draw = torch.Generator().manual_seed(1)
        moving = 0.0 if kind == "adam" else momentum
        config = OptimizerConfig(optimizer=kind, learning_rate=0.2, falling=0.5, momentum=moving)
        optimizer = Optimizer(config, torch.device("cpu"), torch.float64)
        p = torch.randn(5, 3, generator=draw, dtype=torch.float64)
        slots = [torch.full_like(p, start) for start in optimizer.slots.values()]
        for epoch in (1, 2, 3, 4):
            optimizer.begin_epoch(epoch, 4)
            optimizer.begin_step()
            optimizer.update(p, torch.randn(5, 3, generator=draw, dtype=torch.float64), slots)
        return p

    by_number = moved()
    monkeypatch.setattr(module, "_is_eager", lambda p: False)
    torch.testing.assert_close(moved(), by_number)
