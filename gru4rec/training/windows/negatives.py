"""Additional negatives: items drawn with probability proportional to count^alpha, by Walker's alias method.

In float32 a cumulative table would be biased for the rare items of a large catalogue. So the alias table is made in
float64, and one float64 draw gives both the slot and the choice inside it.
"""

import numpy as np
import torch


class NegativeSampler:
    """Draws item indices; a draw costs the same for every catalogue size. An item with count 0 is never drawn."""

    def __init__(self, counts: np.ndarray, alpha: float, device: torch.device | str = "cpu") -> None:
        weight = np.where(counts > 0, np.asarray(counts, dtype=np.float64) ** alpha, 0.0)
        self.probability = weight / weight.sum()
        keep, alias = _alias_table(self.probability)
        self._keep = torch.from_numpy(keep).to(device)
        pairs = np.stack([alias, np.arange(len(keep))], axis=1)  # slot j gives one of the two
        self._pairs = torch.from_numpy(pairs.ravel()).to(device)

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
        """Item indices, int64 of `shape`, on the sampler's device."""
        size = len(self._keep)
        draw = torch.rand(shape, generator=generator, dtype=torch.float64, device=self._keep.device).mul_(size)
        slot = draw.long().clamp_(max=size - 1)
        own = draw.sub_(slot) < self._keep[slot]
        return self._pairs[slot.mul_(2).add_(own)]


def _alias_table(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vose's construction: slot j gives j with probability keep[j], else alias[j]."""
    size = len(probability)
    keep = probability * size
    alias = np.arange(size)
    small = np.flatnonzero(keep < 1.0).tolist()
    large = np.flatnonzero(keep >= 1.0).tolist()
    level = keep.tolist()
    while small and large:
        low, high = small.pop(), large[-1]
        keep[low], alias[low] = level[low], high
        level[high] -= 1.0 - level[low]
        if level[high] < 1.0:
            small.append(large.pop())
    keep[small + large] = 1.0  # what is left differs from 1 by rounding only
    return keep, alias
