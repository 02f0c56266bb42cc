"""What a scorer does to the scores of some items beside the product of states and item weights: it adds, and raises."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from gru4rec.scoring.raised import RANKS, raise_in


class Added(NamedTuple):
    """Numbers for N of the scores [R, I], no two for the same one.

    Attributes:
        row: of the score, int64 [N].
        item: of the score, int64 [N].
        value: what is added, float32 [N].
        by: how far the score is raised then (scoring/raised.py), once all of its row are added to, float32 [N,
            len(RANKS)]; None where nothing is raised.
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    value: NDArray[np.float32]
    by: NDArray[np.float32] | None = None

    @classmethod
    def sum_of(cls, parts: "Sequence[Added]", items: int) -> Self:
        """Several as one, over a catalogue of so many items."""
        keys, place = np.unique(np.concatenate([part.row * items + part.item for part in parts]), return_inverse=True)
        value = np.bincount(place, np.concatenate([part.value for part in parts]), len(keys)).astype(np.float32)
        by = None
        if any(part.by is not None for part in parts):
            every = np.concatenate([part.raises for part in parts])
            by = np.stack([np.bincount(place, column, len(keys)) for column in every.T], 1).astype(np.float32)
        return cls(keys // items, keys % items, value, by)

    @property
    def raises(self) -> NDArray[np.float32]:
        """`by`, or as many zeros, [N, len(RANKS)]."""
        return np.zeros((len(self.row), len(RANKS)), np.float32) if self.by is None else self.by

    def to(self, scores: Tensor) -> None:
        """Add them to scores [R, I], and raise these, in place."""
        row, item, value = (from_numpy(column).to(scores.device) for column in self[:3])
        scores[row, item] += value.to(scores.dtype)
        if self.by is not None:
            raise_in(scores, row * scores.shape[1] + item, from_numpy(self.by).to(scores))
