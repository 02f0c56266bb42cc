"""A model in training: epoch after epoch the schedule, the windows and the updates, and the state between epochs."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.runner import Runner
from gru4rec.training.update.step import Step
from gru4rec.training.windows.loader import CHUNK, WindowLoader
from gru4rec.training.windows.schedule import Schedule, build_schedule

DIVERGED = 10.0  # a mean loss of so many times (1 + the loss of the first update) counts as diverged


class DivergenceError(ValueError):
    """The loss is not a number any more, or far above where it began; the message says when, and what to try."""


def build_step(model: GRU4Rec, config: Config) -> Step:
    """The update that fits the model. The code of features is loaded only where features are used.

    Raises:
        ConfigError: features are configured, but the model has none.
    """
    if not config.features.selected_features:
        return Step(model, config)
    from gru4rec.network.feature_model import FeatureGRU4Rec
    from gru4rec.training.update.feature_step import FeatureStep

    if not isinstance(model, FeatureGRU4Rec):
        raise ConfigError("selected_features is set, but the model knows no features; make it with build_model")
    return FeatureStep(model, config)


class Trainer:
    """A model, its training sessions, and all state of their training."""

    def __init__(self, model: GRU4Rec, train: Sessions, config: Config) -> None:
        self.model = model
        self._sessions = train
        self._config = config
        self._limit = torch.tensor(math.inf, dtype=torch.float64)  # mean loss above which a chunk counts as diverged
        self._generator = torch.Generator().manual_seed(config.train.seed)
        self._step = build_step(model, config)
        self._runner = Runner(self._step, CHUNK)
        static = Runner.needs_static_shapes(self._step)
        self._loader = WindowLoader(train, model, config, self._generator, static=static)
        self._in_time = build_schedule(train, config.train.batch_size, window=config.train.bptt)
        self.events = self._in_time.events

    def epoch(self, number: int) -> Iterator[tuple[float, int]]:
        """Run one epoch; epochs count from 1.

        The losses of a chunk are read when the windows of the next one are ready, so that a GPU works on a chunk while
        the next one is made.

        Yields:
            The sum of the losses and the number of predictions of each chunk of windows.

        Raises:
            DivergenceError: a chunk's mean loss is not a number, or far above the first update's.
        """
        self._step.begin_epoch(number)
        updates, running = 0, None
        for windows, events in self._loader.chunks(self._schedule()):
            if running is not None:
                yield self._checked(*running)
            running = (self._runner.updates(windows), events, number, updates)
            updates += len(windows)
        if running is not None:
            yield self._checked(*running)
            if not math.isfinite(float(self.model.dense.sum() + self.model.output.sum())):
                self._diverged(running[0], number, updates)

    def _checked(self, losses: Tensor, events: int, epoch: int, updates: int) -> tuple[float, int]:
        """Sum of a chunk's losses, and its predictions; `updates` of this epoch were made before the chunk."""
        total = float(losses.sum())
        if math.isinf(self._limit):
            lanes = self._config.train.batch_size * self._config.train.bptt
            self._limit.fill_(DIVERGED * (1.0 + float(losses[0]) / min(lanes, events)))
        if not total / events <= self._limit:
            self._diverged(losses, epoch, updates)
        return total, events

    def _schedule(self) -> Schedule:
        """The epoch's schedule: sessions in the order of time, or shuffled anew."""
        train = self._config.train
        if not train.shuffle:
            return self._in_time
        order = torch.randperm(len(self._sessions), generator=self._generator).numpy()
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
        """Take over a state that `tensors` gave."""
        for name, target in self._step.tensors().items():
            target.copy_(tensors[name])
        self._generator.set_state(tensors["generator"])
        self._limit.copy_(tensors["limit"])
