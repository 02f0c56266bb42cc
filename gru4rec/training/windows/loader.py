"""From the schedule to windows, on the CPU: looks items up and finds each window's distinct items before they are read.

On a GPU the same is done by the device itself (device_loader.py).
"""

from collections.abc import Iterator

import numpy as np
import torch

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.draws import Draws
from gru4rec.training.windows.negatives import NegativeSampler
from gru4rec.training.windows.schedule import Schedule
from gru4rec.training.windows.session_counts import sampling_counts, shares_of_targets, weights_by_count
from gru4rec.training.windows.unique_items import Deduplicator
from gru4rec.training.windows.window import Window

CHUNK = 64  # windows that are made together, and run together where steps are captured


class WindowLoader:
    """Makes the windows of one training set; with `static` all have the same shapes (unique_items.py)."""

    def __init__(
        self,
        sessions: Sessions,
        model: GRU4Rec,
        config: Config,
        generator: torch.Generator,
        *,
        static: bool = False,
    ) -> None:
        self._sessions = sessions
        self._dtype = model.output.dtype
        self._config = config
        self._empty = len(model.vocabulary)  # index of the empty item, which lanes without a session read
        counts = sampling_counts(sessions, model)
        negatives = config.negatives
        sampler = NegativeSampler(counts, negatives.sample_alpha) if negatives.n_sample else None
        self.draws = Draws(model, config, sampler, generator)
        self._shares = shares_of_targets(sessions)
        self._deduplicator = Deduplicator(
            self._empty,
            weights_by_count(counts, config),
            shared=model.input is None,
            dtype=self._dtype,
            static=static,
        )

    def chunks(self, schedule: Schedule) -> Iterator[tuple[list[Window], int]]:
        """All windows of one epoch, CHUNK at a time, with the number of predictions in each chunk."""
        train = self._config.train
        shape = (-1, train.bptt, train.batch_size)
        for position, first in schedule.parts(CHUNK * train.bptt):
            yield self._chunk(position.reshape(shape), first.reshape(shape)), int((position >= 0).sum())

    def _chunk(self, position: np.ndarray, first: np.ndarray) -> list[Window]:
        """S windows from their part of the schedule [S, k, B]."""
        size = len(position)
        inputs = self._items(position, 0).reshape(size, -1)  # [S, N]
        targets = self._items(position, 1).reshape(size, -1)
        items = self._deduplicator.unique(inputs, targets, self.draws.negatives(size).numpy())
        keep = torch.from_numpy(~first).to(self._dtype)[..., None]  # [S, k, B, 1]
        row_weight = torch.from_numpy(self._row_weights(position)).to(self._dtype).view(size, -1, 1)  # [S, N, 1]
        embedding, hidden = self.draws.masks(*position.shape)
        return [
            Window(
                items[s],
                keep[s],
                row_weight[s],
                None if embedding is None else embedding[s],
                None if hidden is None else hidden[s],
            )
            for s in range(size)
        ]

    def _items(self, position: np.ndarray, offset: int) -> np.ndarray:
        """Items that stand `offset` events after the positions; the empty item where a lane has no session."""
        items = self._sessions.items_at(np.minimum(position + offset, len(self._sessions.items) - 1))
        return np.where(position >= 0, items, self._empty)

    def _row_weights(self, position: np.ndarray) -> np.ndarray:
        """What each prediction weighs: its target's share; 0 in an empty lane."""
        if self._shares is None:
            return position >= 0
        return np.where(position >= 0, self._shares[np.minimum(position + 1, len(self._shares) - 1)], 0.0)
