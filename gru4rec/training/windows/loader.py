"""From the schedule to windows: looks items up, draws negatives and dropout masks, finds each window's distinct items.

Everything random is drawn here, in a fixed order and from one generator. The generator's state is therefore all that
an interrupted run needs to draw on.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.negatives import NegativeSampler
from gru4rec.training.windows.schedule import Schedule
from gru4rec.training.windows.unique_items import Deduplicator, occurrence_weights
from gru4rec.training.windows.window import Window, WindowItems

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
        self._model = model
        self._config = config
        self._generator = generator
        self._empty = len(model.vocabulary)  # index of the empty item, which lanes without a session read
        counts = _sampling_counts(sessions, model)
        negatives = config.negatives
        self.sampler = NegativeSampler(counts, negatives.sample_alpha) if negatives.n_sample else None
        logq = config.loss.logq if config.loss.loss == "cross-entropy" else 0.0
        self._mean_weight = 1.0 if sessions.weights is None else _mean_target_weight(sessions)
        self._deduplicator = Deduplicator(
            self._empty,
            occurrence_weights(counts, logq, negatives.sample_alpha),
            shared=model.input is None,
            dtype=model.output.dtype,
            static=static,
        )

    def chunks(self, schedule: Schedule) -> Iterator[tuple[list[Window], int]]:
        """All windows of one epoch, CHUNK at a time, with the number of predictions in each chunk."""
        train = self._config.train
        windows = len(schedule) // train.bptt
        position = schedule.position.reshape(windows, train.bptt, train.batch_size)  # [windows, k, B]
        first = schedule.first.reshape(position.shape)
        for begin in range(0, windows, CHUNK):
            part = slice(begin, begin + CHUNK)
            yield self._chunk(position[part], first[part]), int((position[part] >= 0).sum())

    def _chunk(self, position: np.ndarray, first: np.ndarray) -> list[Window]:
        """S windows from their part of the schedule [S, k, B]."""
        size, dtype, device = len(position), self._model.output.dtype, self._model.device
        inputs = self._items(position, 0).reshape(size, -1)  # [S, N]
        targets = self._items(position, 1).reshape(size, -1)
        items = self._deduplicator.unique(inputs, targets, self._negatives(size))
        if device.type != "cpu":
            items = _moved(items, device)
        keep = torch.from_numpy(~first).to(device, dtype)[..., None]  # [S, k, B, 1]
        row_weight = torch.from_numpy(self._row_weights(position)).to(device, dtype).view(size, -1, 1)  # [S, N, 1]
        model = self._model.config
        lanes = position.shape[1:]
        embedding = self._masks(model.dropout_embedding, (size, *lanes, self._model.input_size))
        hidden = self._masks(model.dropout_hidden, (size, len(self._model.layers), *lanes, model.hidden_size))
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
        items = self._sessions.items[np.minimum(position + offset, len(self._sessions.items) - 1)]
        return np.where(position >= 0, items, self._empty)

    def _negatives(self, size: int) -> np.ndarray:
        """Additional negatives int64 [S, K] of `size` windows."""
        if self.sampler is None:
            return np.empty((size, 0), dtype=np.int64)
        return self.sampler.draw((size, self._config.negatives.n_sample), self._generator).numpy()

    def _row_weights(self, position: np.ndarray) -> np.ndarray:
        """What each prediction weighs: its target's weight over the mean weight; 0 in an empty lane."""
        given = self._sessions.weights
        if given is None:
            return position >= 0
        return np.where(position >= 0, given[np.minimum(position + 1, len(given) - 1)] / self._mean_weight, 0.0)

    def _masks(self, drop: float, shape: tuple[int, ...]) -> Tensor | None:
        """Dropout masks: 0 with probability `drop`, else 1 / (1 - drop)."""
        if drop == 0.0:
            return None
        mask = torch.rand(shape, generator=self._generator, dtype=torch.float32)
        mask = mask.ge_(drop).mul_(1.0 / (1.0 - drop))
        return mask.to(self._model.device, self._model.output.dtype)


def _sampling_counts(sessions: Sessions, model: GRU4Rec) -> np.ndarray:
    """How often each item occurs in the sessions [I]: the sampler draws in proportion to a power of it.

    An item that was clicked, but in none of these sessions, counts as if it occurred once. A cold item counts 0 and is
    never drawn.
    """
    clicked = model.vocabulary.counts > 0
    return np.maximum(np.bincount(sessions.items, minlength=len(clicked)), clicked)


def _moved(items: list[WindowItems], device: torch.device) -> list[WindowItems]:
    """Windows' items of one shape on a device, with one copy a field instead of one a window and field."""
    fields: list[Any] = [
        None if parts[0] is None else torch.stack(parts).to(device) for parts in zip(*items, strict=True)
    ]

    def of_window(field: Any, number: int) -> Any:
        return None if field is None else field[number]

    return [WindowItems(*(of_window(field, number) for field in fields)) for number in range(len(items))]


def _mean_target_weight(sessions: Sessions) -> float:
    """Mean weight of the events that are targets: all but the first one of each session.

    Raises:
        ValueError: the mean is not above 0.
    """
    is_target = np.ones(len(sessions.items), dtype=bool)
    is_target[sessions.offsets[:-1]] = False
    mean = float(sessions.weights[is_target].mean()) if sessions.weights is not None and is_target.any() else 1.0
    if not mean > 0:
        raise ValueError(f"the mean weight of the events is {mean}; give weights of at least 0, and some above")
    return mean
