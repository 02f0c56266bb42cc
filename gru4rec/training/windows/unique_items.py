"""Each item of a window once: duplicates become one row with the sum of their weights.

A window scores N targets and K negatives, and an item may occur several times among them. All its occurrences have the
same score, so one candidate stands for them whose weight is the sum of theirs. Loss and gradient stay exactly the same,
and every row is read, multiplied and updated once.
"""

from typing import NamedTuple

import numpy as np
import torch

from gru4rec.training.windows.window import WindowItems


class OccurrenceWeights(NamedTuple):
    """What one occurrence of an item weighs, by item index, float64 [I+1]. The empty item (index I) weighs 0."""

    target: np.ndarray
    negative: np.ndarray


def occurrence_weights(counts: np.ndarray, logq: float, sample_alpha: float) -> OccurrenceWeights:
    """The exponential of the logQ correction; all weights are 1 when `logq` is 0.

    Targets come up in proportion to their count c and weigh c^-logq; negatives are drawn in proportion to
    c^sample_alpha and weigh c^(-sample_alpha·logq).
    """
    known = np.maximum(np.asarray(counts, dtype=np.float64), 1.0)
    return OccurrenceWeights(np.append(known**-logq, 0.0), np.append(known ** (-sample_alpha * logq), 0.0))


class Deduplicator:
    """Finds the distinct items of windows on the CPU, before anything is gathered.

    With `static` all windows have the same shapes, C = N + K and R = 2N + K (or R' = N): the empty item fills the
    places that are left. It weighs 0 and gets no gradient. Compiled and captured steps need static shapes.
    """

    def __init__(
        self, n_items: int, weights: OccurrenceWeights, *, shared: bool, dtype: torch.dtype, static: bool = False
    ) -> None:
        self._empty = n_items
        self._static = static
        self._weights = weights
        self._shared = shared
        self._dtype = dtype
        self._place = np.zeros(n_items + 1, dtype=np.int64)  # where an item stands among the rows of this window

    def unique(self, inputs: np.ndarray, targets: np.ndarray, negatives: np.ndarray) -> list[WindowItems]:
        """The distinct items of S windows.

        Args:
            inputs: item indices int64 [S, N]; index I stands for the empty item, here and in `targets`.
            targets: int64 [S, N].
            negatives: int64 [S, K].
        """
        scored = np.concatenate([targets, negatives], axis=1)  # [S, N + K]
        weights = np.concatenate([self._weights.target[targets], self._weights.negative[negatives]], axis=1)
        target_weight = torch.from_numpy(weights[:, : targets.shape[1]]).to(self._dtype)
        return [self._of_window(*window) for window in zip(inputs, scored, weights, target_weight, strict=True)]

    def _of_window(
        self, inputs: np.ndarray, scored: np.ndarray, weights: np.ndarray, target_weight: torch.Tensor
    ) -> WindowItems:
        """inputs [N], scored and weights [N + K], target_weight [N]."""
        place = self._place
        rows = self._padded(_distinct(scored), len(scored))  # the candidates [C]
        n_candidates = len(rows)
        place[rows] = np.arange(n_candidates)
        candidate = place[scored]
        weight = torch.from_numpy(np.bincount(candidate, weights, minlength=n_candidates)).to(self._dtype)
        input_rows = None
        if self._shared:
            # An input that is no candidate still has its place in an earlier window: look whether it stands there.
            assumed = np.minimum(place[inputs], n_candidates - 1)
            others = self._padded(_distinct(inputs[rows[assumed] != inputs]), len(inputs))
            place[others] = np.arange(n_candidates, n_candidates + len(others))
            rows = np.concatenate([rows, others])
        else:
            others = self._padded(_distinct(inputs), len(inputs))
            place[others] = np.arange(len(others))
            input_rows = torch.from_numpy(others)
        target, read = torch.from_numpy(candidate[: len(inputs)]), torch.from_numpy(place[inputs])
        return WindowItems(torch.from_numpy(rows), weight, target, target_weight, read, input_rows)

    def _padded(self, rows: np.ndarray, size: int) -> np.ndarray:
        if not self._static:
            return rows
        return np.concatenate([rows, np.full(size - len(rows), self._empty)])


def _distinct(items: np.ndarray) -> np.ndarray:
    """The distinct items in ascending order, so that gathering their rows walks through memory in one direction."""
    ordered = np.sort(items)
    new = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    return ordered[new]
