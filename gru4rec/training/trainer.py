"""A model in training: epoch after epoch the schedule, the windows and the updates, and the state between epochs.

On a GPU the whole epoch lives there (windows/device_loader.py). Losses of READ_EVERY chunks are read together, and only
when as many more are under way: the device never waits for the host.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.on_device import Arriving
from gru4rec.training.runner import make_runner
from gru4rec.training.update import group
from gru4rec.training.update.step import Step
from gru4rec.training.windows.device_loader import DeviceLoader
from gru4rec.training.windows.loader import CHUNK, WindowLoader
from gru4rec.training.windows.schedule import Schedule, build_schedule
from gru4rec.training.windows.window import Stack, Window

DIVERGED = 10.0  # a mean loss of so many times (1 + that of the first update) counts as diverged; means by weight
READ_EVERY = 16  # chunks whose losses are read together where reading waits for a device


class DivergenceError(ValueError):
    """The loss is not a number any more, or far above where it began; the message says when, and what to try."""


def build_step(model: GRU4Rec, config: Config, *, columns: bool = False, static: bool = False) -> Step:
    """The update that fits the model and its processes. The code of features is loaded only where features are used.

    Args:
        model: to be trained.
        config: its training.
        columns: whether several processes share the columns of the item table, and not the lanes.
        static: whether all windows have the same shapes, and updates have to.

    Raises:
        ConfigError: features are configured, but the model has none.
    """
    if not config.features.selected_features:
        if group.current().size == 1:
            return Step(model, config)
        from gru4rec.training.update.parallel_step import ParallelStep
        from gru4rec.training.update.sharded_step import ShardedStep

        return ShardedStep(model, config) if columns else ParallelStep(model, config)
    from gru4rec.network.feature_model import FeatureGRU4Rec
    from gru4rec.training.update.feature_step import FeatureStep

    if not isinstance(model, FeatureGRU4Rec):
        raise ConfigError("selected_features is set, but the model knows no features; make it with build_model")
    return FeatureStep(model, config, static=static)


def trains_on_device(model: GRU4Rec) -> bool:
    """Whether windows are made by the device that trains (DeviceLoader), not by the host (WindowLoader)."""
    return model.device.type == "cuda"


class _Made(NamedTuple):
    """Updates of one chunk."""

    losses: Tensor  # of each update [S]
    weights: Tensor  # of the predictions of each update together [S]; where all count alike, how many they are
    events: int
    before: int  # updates of this epoch that were made earlier


class _Unread:
    """Chunks whose losses come to the host while the device goes on."""

    def __init__(self, chunks: list[_Made]) -> None:
        self.chunks = chunks
        self._sums = Arriving(torch.stack([torch.stack([made.losses.sum(), made.weights.sum()]) for made in chunks]))

    def sums(self) -> list[tuple[float, float]]:
        """The sums of each chunk's losses and weights; waits until they are there."""
        found: list[tuple[float, float]] = self._sums.wait()[0].tolist()
        return found


class Trainer:
    """A model, its training sessions, and all state of their training."""

    def __init__(
        self, model: GRU4Rec, train: Sessions, config: Config, *, on_device: bool | None = None, columns: bool = False
    ) -> None:
        """on_device: whether the model's device makes the windows too; None where that pays (trains_on_device).

        columns: see build_step.

        With the same seed both make the same updates on a CPU, but for the order of sums.
        """
        self.model = model
        self._sessions = train
        self._config = config
        self._limit = torch.tensor(math.inf, dtype=torch.float64)  # mean loss above which a chunk counts as diverged
        on_device = trains_on_device(model) if on_device is None else on_device
        self._generator = torch.Generator(model.device if on_device else "cpu").manual_seed(config.train.seed)
        static = on_device or config.train.compile
        self._step = build_step(model, config, columns=columns, static=static)
        self._loader: DeviceLoader | WindowLoader
        if on_device:
            self._loader = DeviceLoader(train, model, config, self._generator)
        else:
            self._loader = WindowLoader(train, model, config, self._generator, static=config.train.compile)
        self._read_every, self._ahead = (READ_EVERY, 1) if on_device else (1, 0)
        self._in_time = build_schedule(train, config.train.batch_size, window=config.train.bptt)
        self.events = self._in_time.events
        updates = config.train.epochs * len(self._in_time) // config.train.bptt
        self._runner = make_runner(self._step, CHUNK, updates)

    def epoch(self, number: int) -> Iterator[tuple[float, int]]:
        """Run one epoch; epochs count from 1.

        Yields:
            The sum of the losses and the number of predictions of each chunk of windows.

        Raises:
            DivergenceError: a chunk's mean loss is not a number, or far above the first update's.
        """
        self._step.begin_epoch(number)
        under_way = deque[_Unread]()
        for unread in self._launched():
            under_way.append(unread)
            if len(under_way) > self._ahead:
                yield from self._read(under_way.popleft(), number)
        for unread in under_way:
            yield from self._read(unread, number)
        self._step.end_epoch()
        if not math.isfinite(float(self.model.dense.sum() + self.model.output.sum())):
            self._diverged(unread.chunks[-1], number)

    def _launched(self) -> Iterator[_Unread]:
        """All updates of one epoch, `read_every` chunks at a time."""
        chunks, updates = list[_Made](), 0
        for windows, events in self._loader.chunks(self._schedule()):
            weights = _weights(windows)
            chunks.append(_Made(self._step.whole(self._runner.updates(windows)), weights, events, updates))
            updates += len(windows)
            if len(chunks) == self._read_every:
                yield _Unread(chunks)
                chunks = []
        if chunks:
            yield _Unread(chunks)

    def _read(self, unread: _Unread, epoch: int) -> Iterator[tuple[float, int]]:
        """Sums of the chunks' losses, and their predictions."""
        for (total, weight), made in zip(unread.sums(), unread.chunks, strict=True):
            if math.isinf(self._limit) and weight > 0:
                first = int(made.weights.gt(0).int().argmax())
                self._limit.fill_(DIVERGED * (1.0 + float(made.losses[first] / made.weights[first])))
            if not (total <= self._limit * weight or total == weight == 0.0):
                self._diverged(made, epoch)
            yield total, made.events

    def _schedule(self) -> Schedule:
        """The epoch's schedule: sessions in the order of time, or shuffled anew."""
        train = self._config.train
        if not train.shuffle:
            return self._in_time
        order = self._loader.draws.order(len(self._sessions)).cpu().numpy()
        return build_schedule(self._sessions, train.batch_size, order=order, window=train.bptt)

    def _diverged(self, made: _Made, epoch: int) -> None:
        """Raise DivergenceError for this chunk."""
        values, weights = made.losses.cpu().numpy(), made.weights.cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(values))
        worst = (values / np.where(weights > 0, weights, np.inf)).argmax()
        at = made.before + int(bad[0] if len(bad) else worst) + 1
        what = "is not a number" if len(bad) else "is far above where it began"
        rate = self._config.optimizer.learning_rate
        raise DivergenceError(
            f"the loss {what} at step {at} of epoch {epoch} with learning_rate {rate:g}: "
            "try a lower learning_rate, a clip_norm of 1 to 5, or less momentum"
        )

    def tensors(self) -> dict[str, Tensor]:
        """Weights, optimizer slots and generator by name: the state between epochs."""
        return {**self._step.tensors(), "generator": self._generator.get_state(), "limit": self._limit}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state that `tensors` gave.

        Raises:
            ValueError: the state is of another kind of device, whose random numbers cannot be drawn on with here.
        """
        if tensors["generator"].shape != self._generator.get_state().shape:
            raise ValueError(
                f"the run cannot be resumed on {self._generator.device}, since its random numbers are of another kind "
                "of device; resume it where it began, or start again without resume"
            )
        for name, target in self._step.tensors().items():
            target.copy_(tensors[name])
        self._generator.set_state(tensors["generator"])
        self._limit.copy_(tensors["limit"])


def _weights(windows: Sequence[Window]) -> Tensor:
    """What the predictions of each window weigh together [S]."""
    if isinstance(windows, Stack):
        return windows.parts.row_weight.sum((1, 2))
    return torch.stack([window.row_weight.sum() for window in windows])
