"""Whether a session goes back as others do: what its own past says of its next event.

Some people load every page twice, some click back to the list after every item, some never do either; and who has done
it does it again. The network reads which items they were; that the same thing happens to ever new items it hardly sees.
So it is counted: of the session's earlier events of the last one's kind (a new item, the same again, one seen before),
how many were followed by the same item, by the one before it, by an earlier one. The share of these, with PRIOR events
as they are in all sessions, over the share in all sessions is how much likelier the item just seen, the one before it
and the earlier ones are for this session; its logarithm, LEAST at least, times a weight is added to their scores.
Training chooses the weights, or adds nothing (training/held_out/proof.py).
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.network.added.past import KINDS, NEXT, PLACES, kind_of, transitions

PRIOR = 2.0  # events as they are in all sessions, beside the session's own
LEAST = -1.0  # logarithms: what a session has never done may come, once an unknown item has fallen out of it
SESSIONS = 50_000  # whose transitions are counted at a time


class Habits(NamedTuple):
    """What all sessions do, and how much it counts that one does otherwise; saved beside the network's weights.

    Attributes:
        rates: of the events of each kind, the share that each of NEXT follows, [KINDS, NEXT].
        weights: of the item just seen, of the one before it and of items seen earlier, in the scores' unit, [PLACES].
    """

    rates: Tensor
    weights: Tensor

    @classmethod
    def empty(cls, like: Tensor) -> Self:
        """Equal rates and weights of 0, on the device and with the numbers of `like`."""
        return cls(like.new_full((KINDS, NEXT), 1 / NEXT), like.new_zeros(PLACES))

    def to(self, like: Tensor) -> Self:
        """On the device and with the numbers of `like`."""
        return type(self)(self.rates.to(like), self.weights.to(like))

    def tensors(self) -> dict[str, Tensor]:
        """Both by the names that they have in a checkpoint."""
        return {f"habits.{name}": value for name, value in self._asdict().items()}

    def added(self, last: Tensor, habit: Tensor) -> Tensor:
        """What is added to the scores of seen items, by place, float32 [R, PLACES].

        last, habit: of each row (past.py), [R] and [R, NEXT].
        """
        return ratios(self.rates.float(), last, habit) * self.weights.float()


def ratios(rates: Tensor, last: Tensor, habit: Tensor) -> Tensor:
    """log of how much likelier the item just seen, the one before and earlier ones are than in all sessions, LEAST at
    least, [R, PLACES].

    Args:
        rates: what all sessions do, [KINDS, NEXT].
        last: what each row's last event was, [R].
        habit: what followed events of its kind in its own session so far, [R, NEXT].
    """
    usual = rates[kind_of(last)]
    share = (habit + PRIOR * usual) / (habit.sum(1, keepdim=True) + PRIOR)
    return (share / usual).log()[:, :PLACES].clamp(min=LEAST)


def rates(train: Sessions) -> Tensor:
    """What follows the events of each kind in train, float32 [KINDS, NEXT]; half an event of each is added."""
    parts = range(0, len(train), SESSIONS)
    counts = sum(
        (transitions(train.select(np.arange(begin, min(begin + SESSIONS, len(train))))) for begin in parts),
        np.zeros((KINDS, NEXT), np.int64),
    )
    some = torch.from_numpy(counts + 0.5)
    return (some / some.sum(1, keepdim=True)).float()
