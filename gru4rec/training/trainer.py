"""One epoch after another: the schedule, the windows, the updates; and the state between epochs."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.build import build_step
from gru4rec.network.model import GRU4Rec
from gru4rec.training.feed import Feed
from gru4rec.training.folding import Folder
from gru4rec.training.runner import Runner
from gru4rec.training.schedule import Schedule, build_schedule

DIVERGED = 10.0  # times (1 + the loss of the very first step)


class DivergenceError(ValueError):
    """The loss is no number any more, or far above where it began; the message says when and what to try."""


class Trainer:
    """A model in training."""

    def __init__(self, model: GRU4Rec, train: Sessions, config: Config) -> None:
        self.model = model
        self._sessions = train
        self._config = config
        self._limit = torch.tensor(math.inf, dtype=torch.float64)  # mean loss above which a chunk counts as diverged
        self._generator = torch.Generator().manual_seed(config.train.seed)
        self._step = build_step(model, config)
        self._runner = Runner(self._step, Folder.windows)
        static = Runner.needs_static_shapes(self._step)
        self._feed = Feed(train, model, config, self._generator, static=static)
        self._in_time = build_schedule(train, config.train.batch_size, window=config.train.bptt)
        self.events = self._in_time.events

    def epoch(self, number: int) -> Iterator[tuple[float, int]]:
        """Run a pass; yields the sum of the losses and the number of events of each chunk.

        Losses are read when the next chunk lies ready, so that a GPU is not kept waiting for its preparation.
        Raises DivergenceError when a chunk's mean loss is no number or far above the first step's.
        """
        self._step.begin_epoch(number)
        steps, made = 0, None
        for windows, events in self._feed.chunks(self._schedule()):
            if made is not None:
                yield self._checked(*made)
            made = (self._runner.updates(windows), events, number, steps)
            steps += len(windows)
        if made is not None:
            yield self._checked(*made)
            if not math.isfinite(float(self.model.dense.sum() + self.model.output.sum())):
                self._diverged(made[0], number, steps)

    def _checked(self, losses: Tensor, events: int, epoch: int, steps: int) -> tuple[float, int]:
        """Sum of a chunk's losses, and its events; `steps` were made before it."""
        total = float(losses.sum())
        if math.isinf(self._limit):
            lanes = self._config.train.batch_size * self._config.train.bptt
            self._limit.fill_(DIVERGED * (1.0 + float(losses[0]) / min(lanes, events)))
        if not total / events <= self._limit:
            self._diverged(losses, epoch, steps)
        return total, events

    def _schedule(self) -> Schedule:
        train = self._config.train
        if not train.shuffle:
            return self._in_time
        order = torch.randperm(len(self._sessions), generator=self._generator).numpy()
        return build_schedule(self._sessions, train.batch_size, order=order, window=train.bptt)

    def _diverged(self, losses: Tensor, epoch: int, steps: int) -> None:
        values = losses.cpu().numpy()
        bad = np.flatnonzero(~np.isfinite(values))
        at = steps + (int(bad[0]) if len(bad) else int(values.argmax())) + 1
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
        """Take over the state of `tensors`."""
        for name, target in self._step.tensors().items():
            target.copy_(tensors[name])
        self._generator.set_state(tensors["generator"])
        self._limit.copy_(tensors["limit"])
