"""What a scorer adds to the scores of some items, beside the product of states and item weights."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy


class Added(NamedTuple):
    """Numbers to be added to scores [R, I]: N of them, no two to the same score.

    Attributes:
        row: of the score, int64 [N].
        item: of the score, int64 [N].
        value: what is added, float32 [N].
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    value: NDArray[np.float32]

    @classmethod
    def sum_of(cls, parts: Iterable["Added"], items: int) -> Self:
        """Several as one, over a catalogue of so many items."""
        row, item, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        keys, place = np.unique(row * items + item, return_inverse=True)
        return cls(keys // items, keys % items, np.bincount(place, value, len(keys)).astype(np.float32))

    def to(self, scores: Tensor) -> None:
        """Add them to scores [R, I], in place."""
        row, item, value = (from_numpy(column).to(scores.device) for column in self)
        scores[row, item] += value.to(scores.dtype)
