"""The processes that make the updates of one training together, and what they exchange (torch.distributed).

Rank 0 leads. Every process holds the whole model and sees every window, but only some of its lanes are its own. After
adding up all gradients each makes the same update, so that the models stay equal.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


class Group(NamedTuple):
    """Where a process stands among those of its training: rank 0 leads."""

    rank: int = 0
    size: int = 1

    def lanes(self, batch_size: int) -> slice:
        """This process's share of the lanes; shares differ by one lane at most."""
        ends = np.linspace(0, batch_size, self.size + 1).round().astype(int)
        return slice(int(ends[self.rank]), int(ends[self.rank + 1]))


def current() -> Group:
    """The group that this process belongs to; one of itself alone where nobody formed another."""
    if dist.is_available() and dist.is_initialized():
        return Group(dist.get_rank(), dist.get_world_size())
    return Group()


def add_up(tensors: Sequence[Tensor]) -> int:
    """Replace each tensor by its sum over all processes, with one exchange; returns the bytes of the sum."""
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    dist.all_reduce(flat)
    parts = flat.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view_as(tensor))
    return flat.numel() * flat.element_size()


def share(tensors: Sequence[Tensor], rank: int = 0) -> None:
    """Give all processes the values of one of them, in place; of the leader unless said."""
    for tensor in tensors:
        dist.broadcast(tensor, src=rank)


def say(content: dict[str, Any]) -> None:
    """Send an object of plain values from the leader to all others, as JSON."""
    text = torch.frombuffer(bytearray(json.dumps(content).encode()), dtype=torch.uint8)
    share([torch.tensor([len(text)]), text])


def hear() -> dict[str, Any]:
    """What the leader says; waits for it."""
    length = torch.zeros(1, dtype=torch.int64)
    share([length])
    text = torch.empty(int(length), dtype=torch.uint8)
    share([text])
    return dict(json.loads(bytes(text.numpy())))
