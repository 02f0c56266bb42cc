"""Which rows of a table a window touches, each once: the duplicates of a column fold into its weight.

A window scores M = N + K columns: the targets of its N lanes-and-steps, then K negatives. An item that stands in
several columns has the same score in each, so the columns can be folded into one whose weight is the sum of theirs:
loss and gradient are exactly unchanged, and each row is read, multiplied and updated once.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch


class Fold(NamedTuple):
    """The rows of one window.

    rows int64 [R]: item indices, the C columns first, then (shared embedding) inputs that are no column.
    weight float [C]: the columns' summed weights. own int64 [N]: the column of each target. own_weight float [N]: the
    weight that the target itself brought. inputs int64 [N]: where each input stands in `rows`, or in `input_rows`
    int64 [R'] when the inputs have a table of their own.
    """

    rows: torch.Tensor
    weight: torch.Tensor
    own: torch.Tensor
    own_weight: torch.Tensor
    inputs: torch.Tensor
    input_rows: torch.Tensor | None

    def to(self, device: torch.device) -> "Fold":
        """The same on a device."""
        return Fold(*(None if part is None else part.to(device) for part in self))  # type: ignore[arg-type]


class ColumnWeights(NamedTuple):
    """What a column weighs by its item, float64 [I+1]: as a target, as a negative. The empty item (I) weighs 0."""

    target: np.ndarray
    negative: np.ndarray


def column_weights(counts: np.ndarray, logq: float, sample_alpha: float) -> ColumnWeights:
    """c^-logq with c = count of a target, count^alpha of a negative: exp of the logQ correction (1 when logq is 0)."""
    known = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    return ColumnWeights(np.append(known**-logq, 0.0), np.append(known ** (-sample_alpha * logq), 0.0))


class Folder:
    """Folds many windows at once, on the CPU: rows come compact, so duplicates cost nothing at all afterwards."""

    def __init__(self, n_items: int, weights: ColumnWeights, *, shared: bool, dtype: torch.dtype) -> None:
        self._size = n_items + 1
        self._weights = weights
        self._shared = shared
        self._dtype = dtype
        self._stamp = np.zeros(0, dtype=np.int64)

    @property
    def windows(self) -> int:
        """How many windows to fold at once: as many as keep the stamp table within a cache-friendly 4M entries."""
        return max(1, min(128, 2**22 // self._size))

    def fold(self, inputs: np.ndarray, targets: np.ndarray, negatives: np.ndarray) -> list[Fold]:
        """inputs, targets int64 [S, N] and negatives int64 [S, K] of S windows; index I is the empty item."""
        n = targets.shape[1]
        columns = np.concatenate([targets, negatives], axis=1)  # [S, M]
        brought = np.concatenate([self._weights.target[targets], self._weights.negative[negatives]], axis=1)
        if self._shared:
            place, starts, rows, n_columns = self._unique(columns, inputs)
            where = place[:, columns.shape[1] :]
            apart: list[np.ndarray | None] = [None] * len(targets)
        else:
            place, starts, rows, n_columns = self._unique(columns, None)
            where, input_starts, input_rows, _ = self._unique(inputs, None)
            apart = [input_rows[a:b] for a, b in pairwise(input_starts)]
        place = place[:, : columns.shape[1]]
        size = int(n_columns.max())
        slot = place + np.arange(len(place))[:, None] * size
        weight = np.bincount(slot.ravel(), brought.ravel(), minlength=len(place) * size).reshape(-1, size)
        weight_t = torch.from_numpy(weight).to(self._dtype)
        own_weight = torch.from_numpy(brought[:, :n]).to(self._dtype)
        rows_t, own, where_t = torch.from_numpy(rows), torch.from_numpy(place[:, :n]), torch.from_numpy(where)
        return [
            Fold(
                rows_t[starts[s] : starts[s + 1]],
                weight_t[s, : n_columns[s]],
                own[s].contiguous(),
                own_weight[s],
                where_t[s].contiguous(),
                None if apart[s] is None else torch.from_numpy(apart[s]),
            )
            for s in range(len(targets))
        ]

    def _unique(
        self, first: np.ndarray, then: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Distinct items of each window (row), those of `first` before those that only `then` has.

        Returns each entry's place in its window's rows [S, A + B], the windows' bounds in the flat rows [S+1], the
        flat rows, and how many of a window's rows `first` has [S]. A stamp table names one entry of each item: numpy
        promises that the last of equal keys wins, so the choice is the same every time.
        """
        items = first if then is None else np.concatenate([first, then], axis=1)
        n_windows, width = items.shape
        keys = items + np.arange(n_windows)[:, None] * self._size
        if len(self._stamp) < n_windows * self._size:
            self._stamp = np.zeros(n_windows * self._size, dtype=np.int64)
        entry = np.arange(items.size).reshape(items.shape)
        self._stamp[keys[:, first.shape[1] :]] = entry[:, first.shape[1] :]
        self._stamp[keys[:, : first.shape[1]]] = entry[:, : first.shape[1]]
        named = self._stamp[keys]
        is_named = named == entry
        number = np.cumsum(is_named.ravel()) - 1
        starts = np.concatenate([[0], number[width - 1 :: width] + 1])
        place = number[named] - starts[:-1, None]
        return place, starts, items[is_named], is_named[:, : first.shape[1]].sum(1)
