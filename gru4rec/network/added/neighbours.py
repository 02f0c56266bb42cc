"""What followed an item in training, beside what the network makes of it: an item-item model of the last item.

A network of a hundred units a member smooths over pairs that it saw often; counting does not. So each item has the
FOLLOWERS items that followed it most, and the score of item b after item a gets
weight · log(1 + SCALE · share(a -> b)). The share is that of sequential rules (Kamehkhosh, Jannach, Ludewig, 2017;
arXiv 1803.09587, section 3.1.3) with a few observations of nothing, so that an item seen once decides nothing. Training
chooses the weight, or leaves the neighbours out (training/held_out/proof.py).
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import DeviceSessions

FOLLOWERS = 20  # kept of each item: on the logs that were tried 50 and all were no better
SCALE, PRIOR = 100.0, 20.0  # of the share; observations of nothing


class Neighbours(NamedTuple):
    """Of each of I items the K items that followed it most; saved beside the weights.

    Attributes:
        items: which they are, int32 [I, K]; a row of fewer than K ends in item 0 with nothing to add.
        bonus: what is added to their scores, [I, K].
    """

    items: Tensor
    bonus: Tensor

    @classmethod
    def empty(cls, items: int, width: int, like: Tensor) -> Self:
        """K = width neighbours with nothing to add, on the device and with the numbers of `like`."""
        return cls(torch.zeros(items, width, dtype=torch.int32, device=like.device), like.new_zeros(items, width))

    @classmethod
    def of_rules(
        cls, rows: NDArray[np.int64], columns: NDArray[np.int32], counts: NDArray[np.float32], items: int
    ) -> Self:
        """The most frequent followers of each item, with weight 1.

        Args:
            rows: where the rules of each item begin, [I + 1].
            columns: the item that followed, [N].
            counts: how often it did, [N].
            items: of the whole catalogue, where `rows` are those of a part of it.
        """
        size = len(rows) - 1
        width = min(FOLLOWERS, items)
        first = np.repeat(np.arange(size), np.diff(rows))
        total = np.bincount(first, counts, minlength=size)
        order = np.lexsort((columns, -counts, first))
        place = np.arange(len(order)) - rows[first[order]]
        order, place = order[place < width], place[place < width]
        followers = np.zeros((size, width), dtype=np.int32)
        bonus = np.zeros((size, width), dtype=np.float32)
        followers[first[order], place] = columns[order]
        bonus[first[order], place] = np.log1p(SCALE * counts[order] / (total[first[order]] + PRIOR))
        return cls(torch.from_numpy(followers), torch.from_numpy(bonus))

    def weighed(self, weight: float, like: Tensor) -> Self:
        """With so much more to add, on the device and with the numbers of `like`."""
        return type(self)(self.items.to(like.device), (self.bonus * weight).to(like))

    def tensors(self) -> dict[str, Tensor]:
        """Both by the names that they have in a checkpoint."""
        return {f"neighbours.{name}": value for name, value in self._asdict().items()}

    def added(self, last: NDArray[np.int64]) -> Added:
        """What is added to the scores after rows whose last items are these, [R]."""
        place = torch.from_numpy(last).to(self.items.device)
        items, bonus = self.items[place].cpu().numpy(), self.bonus[place].float().cpu().numpy()
        row, column = np.nonzero(bonus)
        return Added(row, items[row, column].astype(np.int64), bonus[row, column])

    def add_on_device(self, scores: Tensor, columns: Tensor, sessions: DeviceSessions, scale: float) -> None:
        """Add the neighbours of each session's last item to scores [S, W], in place, without waiting for the device.

        columns: where each item stands in a row, int64 [I]. scale: what the numbers are multiplied by first.
        """
        last = sessions.items[sessions.ends]
        scores.scatter_add_(1, columns[self.items[last].long()], self.bonus[last].float() * scale)
