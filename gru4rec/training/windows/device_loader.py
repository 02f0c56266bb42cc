"""From the schedule to windows on the device that trains: the epoch lives there, and nothing waits for the host.

Schedule, items, alias table, weights and generator are moved once. A chunk of windows is then a few dozen operations of
static shapes, whose results stay where they are. With the same draws these are the windows that WindowLoader makes with
`static`, so all of it is tested on the CPU.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.draws import Draws
from gru4rec.training.windows.loader import CHUNK
from gru4rec.training.windows.negatives import NegativeSampler
from gru4rec.training.windows.schedule import Schedule
from gru4rec.training.windows.session_counts import sampling_counts, shares_of_targets, weights_by_count
from gru4rec.training.windows.unique_on_device import DeviceDeduplicator
from gru4rec.training.windows.window import Stack, Window


class DeviceLoader:
    """Makes the windows of one training set where the model is; the generator must live there too."""

    def __init__(self, sessions: Sessions, model: GRU4Rec, config: Config, generator: torch.Generator) -> None:
        self._device = model.device
        self._dtype = model.output.dtype
        self._config = config
        self._empty = len(model.vocabulary)
        counts = sampling_counts(sessions, model)
        negatives = config.negatives
        sampler = NegativeSampler(counts, negatives.sample_alpha, self._device) if negatives.n_sample else None
        self.draws = Draws(model, config, sampler, generator)
        self._items = torch.from_numpy(np.asarray(sessions.items, dtype=np.int64)).to(self._device)
        shares = shares_of_targets(sessions)
        self._shares = None if shares is None else torch.from_numpy(shares).to(self._device)
        self._deduplicator = DeviceDeduplicator(
            self._empty,
            weights_by_count(counts, config),
            shared=model.input is None,
            dtype=self._dtype,
            device=self._device,
        )
        self._moved: tuple[Schedule, Tensor, Tensor] | None = None  # the last schedule, and its tables on the device

    def chunks(self, schedule: Schedule) -> Iterator[tuple[Stack, int]]:
        """All windows of one epoch, CHUNK at a time, with the number of predictions in each chunk."""
        position, first = self._tables(schedule)
        begins = range(0, len(position), CHUNK)
        predictions = (schedule.position >= 0).sum(1)  # of each step; counted here, so that no device is asked
        events = np.add.reduceat(predictions, [begin * self._config.train.bptt for begin in begins]).tolist()
        for begin, made in zip(begins, events, strict=True):
            part = slice(begin, begin + CHUNK)
            yield Stack(self._chunk(position[part], first[part])), made

    def _tables(self, schedule: Schedule) -> tuple[Tensor, Tensor]:
        """Positions and session starts [windows, k, B] on the device; moved only when the schedule is another one."""
        if self._moved is None or self._moved[0] is not schedule:
            train = self._config.train
            shape = (-1, train.bptt, train.batch_size)
            position, first = (torch.from_numpy(part).to(self._device) for part in (schedule.position, schedule.first))
            self._moved = schedule, position.view(shape), first.view(shape)
        return self._moved[1:]

    @torch.inference_mode()
    def _chunk(self, position: Tensor, first: Tensor) -> Window:
        """S windows, side by side, from their part of the schedule [S, k, B]."""
        size, active = len(position), position >= 0
        inputs = self._at(position, active).view(size, -1)  # [S, N]
        targets = self._at(position + 1, active).view(size, -1)
        items = self._deduplicator.unique(inputs, targets, self.draws.negatives(size))
        keep = first.logical_not().to(self._dtype)[..., None]  # [S, k, B, 1]
        row_weight = self._row_weights(position, active).to(self._dtype).view(size, -1, 1)  # [S, N, 1]
        return Window(items, keep, row_weight, *self.draws.masks(*position.shape))

    def _at(self, position: Tensor, active: Tensor) -> Tensor:
        """Items at the positions; the empty item where a lane has no session."""
        return torch.where(active, self._items[position.clamp(0, len(self._items) - 1)], self._empty)

    def _row_weights(self, position: Tensor, active: Tensor) -> Tensor:
        """What each prediction weighs: its target's share; 0 in an empty lane."""
        if self._shares is None:
            return active
        return torch.where(active, self._shares[(position + 1).clamp(0, len(self._shares) - 1)], 0.0)
