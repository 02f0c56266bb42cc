"""Tables with a row for each item: rows are gathered, updated by the optimizer, and written back."""

from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.network.pages import filled
from gru4rec.training.update.optimizer import Optimizer


class Buffers:
    """Named scratch tensors, allocated once: they grow to the largest size asked for and are then reused."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._flat: dict[str, Tensor] = {}

    def get(self, name: str, rows: int, cols: int) -> Tensor:
        """A contiguous tensor [rows, cols] with undefined values; valid until the next call with this name."""
        if torch.compiler.is_compiling():
            return self._like.new_empty(rows, cols)  # the compiler plans its own buffers
        size = rows * cols
        flat = self._flat.get(name)
        if flat is None or flat.numel() < size:
            flat = self._flat[name] = self._like.new_empty(size + size // 8)
        return flat[:size].view(rows, cols)


class Rows(NamedTuple):
    """Rows of a table while an update works on them."""

    indices: Tensor  # int64 [R], distinct (but for padding with the empty item)
    values: Tensor  # [R, W]: a copy
    gradient: Tensor  # [R, W]: undefined until it is written


class Table:
    """A table [I+1, W] and what the optimizer keeps beside it. `bias`: the column of the items' biases, if any."""

    def __init__(
        self, weight: Tensor, optimizer: Optimizer, buffers: Buffers, name: str, bias: int | None = None
    ) -> None:
        self.weight = weight
        self._bias = bias
        shape = (weight.shape[0], weight.shape[1])
        starts = optimizer.slots.values()
        self.slots = [filled(*shape, start, weight.dtype, weight.device) for start in starts]
        self._optimizer = optimizer
        self._buffers = buffers
        self._name = name

    def gather(self, indices: Tensor) -> Rows:
        """Copy rows (distinct indices int64 [R]) into buffers."""
        values = self._gather(self.weight, "weight", indices)
        return Rows(indices, values, self._buffers.get(f"{self._name}.gradient", *values.shape))

    def update(self, rows: Rows, n_candidates: int = 0) -> None:
        """Let the optimizer change gathered rows by their gradient, and write them back.

        The rows from `n_candidates` on were inputs only: their bias took no part, so it stays as it is.
        """
        slots = [self._gather(slot, f"slot{n}", rows.indices) for n, slot in enumerate(self.slots)]
        held = []
        if self._bias is not None and self._optimizer.moves_without_gradient:
            biases = [part[n_candidates:, self._bias] for part in (rows.values, *slots)]
            held = [(bias, bias.clone()) for bias in biases]
        self._optimizer.update(rows.values, rows.gradient, slots)
        for bias, before in held:
            bias.copy_(before)
        for table, values in zip((self.weight, *self.slots), (rows.values, *slots), strict=True):
            _write(table, rows.indices, values)

    def _gather(self, table: Tensor, name: str, indices: Tensor) -> Tensor:
        out = self._buffers.get(f"{self._name}.{name}", len(indices), table.shape[1])
        return torch.index_select(table, 0, indices, out=out)


def _write(table: Tensor, indices: Tensor, values: Tensor) -> None:
    """table[indices] = values, for distinct indices."""
    if table.is_cpu and not torch.compiler.is_compiling():
        table.numpy()[indices.numpy()] = values.numpy()  # copies whole rows: twice as fast as index_copy_
    else:
        table.index_copy_(0, indices, values)
