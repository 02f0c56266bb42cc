"""The distinct items of a whole chunk of windows, found by the device itself: what Deduplicator does on the CPU.

Sorting puts equal items side by side; the first of each run is kept, and its rank among those kept is its place. Every
step is one operation over all windows with a shape known beforehand: nothing asks the host how many items there are.
The places that are left hold the empty item, as with Deduplicator's `static`.
"""

import torch
from torch import Tensor

from gru4rec.training.windows.unique_items import OccurrenceWeights
from gru4rec.training.windows.window import WindowItems


class DeviceDeduplicator:
    """Finds the distinct items of windows with the operations of one device."""

    def __init__(
        self, n_items: int, weights: OccurrenceWeights, *, shared: bool, dtype: torch.dtype, device: torch.device
    ) -> None:
        self._empty = n_items
        self._target = torch.from_numpy(weights.target).to(device)  # float64 [I+1]
        self._negative = torch.from_numpy(weights.negative).to(device)
        self._shared = shared
        self._dtype = dtype

    def unique(self, inputs: Tensor, targets: Tensor, negatives: Tensor) -> WindowItems:
        """The distinct items of S windows, side by side.

        Args:
            inputs: item indices int64 [S, N]; index I stands for the empty item, here and in `targets`.
            targets: int64 [S, N].
            negatives: int64 [S, K].

        Returns:
            Tensors with S in front of the shapes of WindowItems; C = N + K, and R = 2N + K or R' = N.
        """
        n = targets.shape[1]
        scored = torch.cat([targets, negatives], dim=1)  # [S, C]
        candidates = self._distinct(scored)
        place = _place(candidates, scored)
        weight = self._occurrences(candidates, place[:, :n]) * self._target[candidates]
        weight += self._occurrences(candidates, place[:, n:]) * self._negative[candidates]
        target_weight = self._target[targets].to(self._dtype)
        rows, read, input_rows = candidates, inputs, None
        if self._shared:
            rows, read = self._with_others(candidates, inputs)
        else:
            input_rows = self._distinct(inputs)
            read = _place(input_rows, inputs)
        return WindowItems(rows, weight.to(self._dtype), place[:, :n], target_weight, read, input_rows)

    def _with_others(self, candidates: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The candidates and behind them the inputs that are none [S, R], and where each input stands there [S, N]."""
        at = _place(candidates, inputs)
        missing = torch.where(candidates.gather(1, at) == inputs, self._empty, inputs)
        others = self._distinct(missing)
        behind = _place(others, inputs)
        is_other = others.gather(1, behind) == inputs
        read = torch.where(is_other, behind + candidates.shape[1], at)
        return torch.cat([candidates, others], dim=1), read

    def _distinct(self, items: Tensor) -> Tensor:
        """The distinct items of each row [S, M] in ascending order, then the empty item, which is above all others."""
        ordered = items.sort(dim=1).values
        new = torch.ones_like(ordered)
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        rows = torch.full_like(items, self._empty)
        return rows.scatter_(1, new.cumsum(1) - 1, ordered)  # equal items are written to the same place

    def _occurrences(self, candidates: Tensor, place: Tensor) -> Tensor:
        """How often each candidate stands at these places, int64 [S, C]; whole numbers, so that their order is free."""
        return torch.zeros_like(candidates).scatter_add_(1, place, torch.ones_like(place))


def _place(ordered: Tensor, items: Tensor) -> Tensor:
    """The last place in each ordered row [S, M] whose item is not above the one looked for [S, N]; 0 where all are."""
    return (torch.searchsorted(ordered, items.contiguous(), right=True) - 1).clamp_(min=0)
