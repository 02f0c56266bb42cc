"""A model in training: epoch after epoch the schedule, the windows and the updates, and the state between epochs.

On a GPU the whole epoch lives there (windows/device_loader.py), and losses are read once in READ_EVERY chunks.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import make_runner
from gru4rec.training.update.step import Step
from gru4rec.training.windows.device_loader import DeviceLoader
from gru4rec.training.windows.loader import CHUNK, WindowLoader
from gru4rec.training.windows.schedule import Schedule, build_schedule

DIVERGED = 10.0  # a mean loss of so many times (1 + the loss of the first update) counts as diverged
READ_EVERY = 16  # chunks whose losses are read together where reading waits for a device


class DivergenceError(ValueError):
    """The loss is not a number any more, or far above where it began; the message says when, and what to try."""


def build_step(model: GRU4Rec, config: Config, *, static: bool = False) -> Step:
    """The update that fits the model. The code of features is loaded only where features are used.

    Args:
        model: to be trained.
        config: its training.
        static: whether all windows have the same shapes, and updates have to.

    Raises:
        ConfigError: features are configured, but the model has none.
    """
    if not config.features.selected_features:
        return Step(model, config)
    from gru4rec.network.feature_model import FeatureGRU4Rec
    from gru4rec.training.update.feature_step import FeatureStep

    if not isinstance(model, FeatureGRU4Rec):
        raise ConfigError("selected_features is set, but the model knows no features; make it with build_model")
    return FeatureStep(model, config, static=static)


def trains_on_device(model: GRU4Rec) -> bool:
    """Whether windows are made by the device that trains (DeviceLoader), not by the host (WindowLoader)."""
    return model.device.type == "cuda"


class _Made(NamedTuple):
    """Updates whose losses have not been read yet."""

    losses: Tensor  # of each update [S]
    events: int
    before: int  # updates of this epoch that were made earlier


class Trainer:
    """A model, its training sessions, and all state of their training."""

    def __init__(self, model: GRU4Rec, train: Sessions, config: Config, *, on_device: bool | None = None) -> None:
        """on_device: whether the model's device makes the windows too; None where that pays (trains_on_device).

        With the same seed both make the same updates on a CPU, but for the order of sums.
        """
        self.model = model
        self._sessions = train
        self._config = config
        self._limit = torch.tensor(math.inf, dtype=torch.float64)  # mean loss above which a chunk counts as diverged
        on_device = trains_on_device(model) if on_device is None else on_device
        self._generator = torch.Generator(model.device if on_device else "cpu").manual_seed(config.train.seed)
        self._step = build_step(model, config, static=on_device or config.train.compile)
        self._loader: DeviceLoader | WindowLoader
        if on_device:
            self._loader = DeviceLoader(train, model, config, self._generator)
        else:
            self._loader = WindowLoader(train, model, config, self._generator, static=config.train.compile)
        self._read_every = READ_EVERY if on_device else 1
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
        updates, unread = 0, list[_Made]()
        for windows, events in self._loader.chunks(self._schedule()):
            unread.append(_Made(self._runner.updates(windows), events, updates))
            updates += len(windows)
            if len(unread) == self._read_every:
                yield from self._read(unread, number)
                last, unread = unread[-1], []
        if unread:
            yield from self._read(unread, number)
            last = unread[-1]
        if not math.isfinite(float(self.model.dense.sum() + self.model.output.sum())):
            self._diverged(last.losses, number, updates)

    def _read(self, unread: list[_Made], epoch: int) -> Iterator[tuple[float, int]]:
        """Sums of the chunks' losses, and their predictions: the host waits for the device once for all of them."""
        if math.isinf(self._limit):
            first = unread[0]
            lanes = self._config.train.batch_size * self._config.train.bptt
            self._limit.fill_(DIVERGED * (1.0 + float(first.losses[0]) / min(lanes, first.events)))
        sums = torch.stack([made.losses.sum() for made in unread]).tolist()
        for total, made in zip(sums, unread, strict=True):
            if not total / made.events <= self._limit:
                self._diverged(made.losses, epoch, made.before)
            yield total, made.events

    def _schedule(self) -> Schedule:
        """The epoch's schedule: sessions in the order of time, or shuffled anew."""
        train = self._config.train
        if not train.shuffle:
            return self._in_time
        order = self._loader.draws.order(len(self._sessions)).cpu().numpy()
        return build_schedule(self._sessions, train.batch_size, order=order, window=train.bptt)

    def _diverged(self, losses: Tensor, epoch: int, updates: int) -> None:
        """Raise DivergenceError for the chunk with these losses."""
        values = losses.cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(values))
        at = updates + (int(bad[0]) if len(bad) else int(values.argmax())) + 1
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
