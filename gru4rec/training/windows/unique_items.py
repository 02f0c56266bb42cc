"""Which rows of a table a window touches, each once: the duplicates of a column fold into its weight.

A window scores M = N + K columns: the targets of its N lanes-and-steps, then K negatives. An item that stands in
several columns has the same score in each, so the columns can be folded into one whose weight is the sum of theirs:
loss and gradient are exactly unchanged, and each row is read, multiplied and updated once.
"""

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


class ColumnWeights(NamedTuple):
    """What a column weighs by its item, float64 [I+1]: as a target, as a negative. The empty item (I) weighs 0."""

    target: np.ndarray
    negative: np.ndarray


def column_weights(counts: np.ndarray, logq: float, sample_alpha: float) -> ColumnWeights:
    """c^-logq with c = count of a target, count^alpha of a negative: exp of the logQ correction (1 when logq is 0)."""
    known = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    return ColumnWeights(np.append(known**-logq, 0.0), np.append(known ** (-sample_alpha * logq), 0.0))


class Folder:
    """Folds windows on the CPU: rows come compact, so duplicates cost nothing at all afterwards.

    With `static` every window has the same shapes, C = N + K and R = 2N + K (or R' = N): the room that is left holds
    the empty item with weight 0, whose gradient is zero. What is compiled or captured needs that.
    """

    windows = 64  # folded at a time

    def __init__(
        self, n_items: int, weights: ColumnWeights, *, shared: bool, dtype: torch.dtype, static: bool = False
    ) -> None:
        self._empty = n_items
        self._static = static
        self._weights = weights
        self._shared = shared
        self._dtype = dtype
        self._stamp = np.zeros(n_items + 1, dtype=np.int64)  # an item's place among the rows of the present window

    def fold(self, inputs: np.ndarray, targets: np.ndarray, negatives: np.ndarray) -> list[Fold]:
        """inputs, targets int64 [S, N] and negatives int64 [S, K] of S windows; index I is the empty item."""
        columns = np.concatenate([targets, negatives], axis=1)  # [S, M]
        brought = np.concatenate([self._weights.target[targets], self._weights.negative[negatives]], axis=1)
        own_weight = torch.from_numpy(brought[:, : targets.shape[1]]).to(self._dtype)
        return [self._fold(*window) for window in zip(inputs, columns, brought, own_weight, strict=True)]

    def _fold(self, inputs: np.ndarray, columns: np.ndarray, brought: np.ndarray, own_weight: torch.Tensor) -> Fold:
        stamp = self._stamp
        rows = self._padded(_distinct(columns), len(columns))
        n_columns = len(rows)
        stamp[rows] = np.arange(n_columns)
        place = stamp[columns]
        weight = torch.from_numpy(np.bincount(place, brought, minlength=n_columns)).to(self._dtype)
        input_rows = None
        if self._shared:
            where = np.minimum(stamp[inputs], n_columns - 1)  # of an input that is no column the stamp is out of date
            other = self._padded(_distinct(inputs[rows[where] != inputs]), len(inputs))
            stamp[other] = np.arange(n_columns, n_columns + len(other))
            rows = np.concatenate([rows, other])
        else:
            other = self._padded(_distinct(inputs), len(inputs))
            stamp[other] = np.arange(len(other))
            input_rows = torch.from_numpy(other)
        own, where = torch.from_numpy(place[: len(inputs)]), torch.from_numpy(stamp[inputs])
        return Fold(torch.from_numpy(rows), weight, own, own_weight, where, input_rows)

    def _padded(self, rows: np.ndarray, size: int) -> np.ndarray:
        if not self._static:
            return rows
        return np.concatenate([rows, np.full(size - len(rows), self._empty)])


def _distinct(items: np.ndarray) -> np.ndarray:
    """Distinct items in ascending order, which is also the kindest to the memory that they index."""
    ordered = np.sort(items)
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]
