"""From the schedule to windows: gathers items, draws negatives and dropout masks, folds; a chunk of windows at a time.

Everything random is drawn here, in a fixed order, from one generator: its state is all that a resumed run needs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.folding import Fold, Folder, column_weights
from gru4rec.training.negatives import NegativeSampler
from gru4rec.training.schedule import Schedule
from gru4rec.training.step import Window


class Feed:
    """Windows of one training set; with `static` they all have the same shapes (columns.py)."""

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
        self._empty = len(model.vocabulary)  # index of "no item"
        # An item of the vocabulary that no session has may be drawn; one that nobody ever clicked (count 0) is not.
        counts = np.maximum(np.bincount(sessions.items, minlength=self._empty), model.vocabulary.counts > 0)
        negatives = config.negatives
        self.sampler = NegativeSampler(counts, negatives.sample_alpha) if negatives.n_sample else None
        logq = config.loss.logq if config.loss.loss == "cross-entropy" else 0.0
        self._mean_weight = 1.0 if sessions.weights is None else _mean_target_weight(sessions)
        self._folder = Folder(
            self._empty,
            column_weights(counts, logq, negatives.sample_alpha),
            shared=model.input is None,
            dtype=model.output.dtype,
            static=static,
        )

    def chunks(self, schedule: Schedule) -> Iterator[tuple[list[Window], int]]:
        """All windows of one pass in chunks, with the number of predictions in each chunk."""
        train = self._config.train
        windows = len(schedule) // train.bptt
        position = schedule.position.reshape(windows, train.bptt, train.batch_size)
        first = schedule.first.reshape(position.shape)
        for begin in range(0, windows, self._folder.windows):
            part = slice(begin, begin + self._folder.windows)
            yield self._chunk(position[part], first[part]), int((position[part] >= 0).sum())

    def _chunk(self, position: np.ndarray, first: np.ndarray) -> list[Window]:
        """position, first [S, k, B] -> S windows."""
        size, dtype, device = len(position), self._model.output.dtype, self._model.device
        inputs = self._items(position, 0)
        targets = self._items(position, 1)
        negatives = np.empty((size, 0), dtype=np.int64)
        if self.sampler is not None:
            negatives = self.sampler.draw((size, self._config.negatives.n_sample), self._generator).numpy()
        folds = self._folder.fold(inputs.reshape(size, -1), targets.reshape(size, -1), negatives)
        if device.type != "cpu":
            folds = _moved(folds, device)
        keep = torch.from_numpy(~first).to(device, dtype)[..., None]
        row_weight = torch.from_numpy(self._weights(position)).to(device, dtype).view(size, -1, 1)
        model = self._model.config
        lanes = position.shape[1:]
        embedding = self._masks(model.dropout_embedding, (size, *lanes, self._model.input_size))
        hidden = self._masks(model.dropout_hidden, (size, len(self._model.layers), *lanes, model.hidden_size))
        return [
            Window(
                folds[s],
                keep[s],
                row_weight[s],
                None if embedding is None else embedding[s],
                None if hidden is None else hidden[s],
            )
            for s in range(size)
        ]

    def _items(self, position: np.ndarray, offset: int) -> np.ndarray:
        items = self._sessions.items[np.minimum(position + offset, len(self._sessions.items) - 1)]
        return np.where(position >= 0, items, self._empty)

    def _weights(self, position: np.ndarray) -> np.ndarray:
        """How much each prediction counts: its target's weight over the mean one; 0 in an empty lane."""
        given = self._sessions.weights
        if given is None:
            return position >= 0
        return np.where(position >= 0, given[np.minimum(position + 1, len(given) - 1)] / self._mean_weight, 0.0)

    def _masks(self, drop: float, shape: tuple[int, ...]) -> Tensor | None:
        """0 with probability `drop`, else 1 / (1 - drop)."""
        if drop == 0.0:
            return None
        mask = torch.rand(shape, generator=self._generator, dtype=torch.float32)
        mask = mask.ge_(drop).mul_(1.0 / (1.0 - drop))
        return mask.to(self._model.device, self._model.output.dtype)


def _moved(folds: list[Fold], device: torch.device) -> list[Fold]:
    """Folds of one shape on a device: one copy for each field, not for each window."""
    fields: list[Any] = [
        None if parts[0] is None else torch.stack(parts).to(device) for parts in zip(*folds, strict=True)
    ]

    def part(field: Any, number: int) -> Any:
        return None if field is None else field[number]

    return [Fold(*(part(field, number) for field in fields)) for number in range(len(folds))]


def _mean_target_weight(sessions: Sessions) -> float:
    """Mean weight of all events that are targets: all but the first of each session."""
    is_target = np.ones(len(sessions.items), dtype=bool)
    is_target[sessions.offsets[:-1]] = False
    mean = float(sessions.weights[is_target].mean()) if sessions.weights is not None and is_target.any() else 1.0
    if not mean > 0:
        raise ValueError(f"the mean weight of the events is {mean}; give weights of at least 0, and some above")
    return mean
