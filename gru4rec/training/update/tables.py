"""Tables with a row for each item: rows are gathered, updated by the optimizer, and written back."""

from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.network.pages import filled
from gru4rec.training.update.optimizer import Optimizer

BLOCK = 1 << 15  # numbers of a table that an update moves at once: with slots and gradient half a MB of float32


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

    items: Tensor  # int64 [R], distinct
    values: Tensor  # [R, W]: a copy
    gradient: Tensor  # [R, W]: undefined until it is written


class Table:
    """A table [I+1, W] and what the optimizer keeps beside it. bias: the column of the items' biases, if it has one."""

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

    def gather(self, index: Tensor) -> Rows:
        """Copy rows (distinct indices int64 [R]) into buffers."""
        values = self._gather(self.weight, "weight", index)
        return Rows(index, values, self._buffers.get(f"{self._name}.gradient", *values.shape))

    def update(self, rows: Rows, n_candidates: int = 0) -> None:
        """Let the optimizer change gathered rows by their gradient, and write them back.

        The rows from `n_candidates` on were inputs only: their bias took no part, so it stays as it is.
        """
        in_cache = self.weight.is_cpu and not torch.compiler.is_compiling()
        size = max(1, BLOCK // self.weight.shape[1]) if in_cache else len(rows.items)
        blocks = zip(*(part.split(size) for part in rows), strict=True)
        for number, block in enumerate(blocks):
            self._move(Rows(*block), max(0, n_candidates - number * size))
        _write(self.weight, rows.items, rows.values)

    def _move(self, rows: Rows, n_candidates: int) -> None:
        """Change the values of rows, and what the optimizer keeps beside them, where it is kept."""
        slots = [self._gather(slot, f"slot{n}", rows.items) for n, slot in enumerate(self.slots)]
        held = []
        inputs_only = len(rows.items) > n_candidates
        if self._bias is not None and self._optimizer.moves_without_gradient and inputs_only:
            biases = [part[n_candidates:, self._bias] for part in (rows.values, *slots)]
            held = [(bias, bias.clone()) for bias in biases]
        self._optimizer.update(rows.values, rows.gradient, slots)
        for bias, before in held:
            bias.copy_(before)
        for table, values in zip(self.slots, slots, strict=True):
            _write(table, rows.items, values)

    def _gather(self, table: Tensor, name: str, index: Tensor) -> Tensor:
        out = self._buffers.get(f"{self._name}.{name}", len(index), table.shape[1])
        return torch.index_select(table, 0, index, out=out)


def _write(table: Tensor, index: Tensor, values: Tensor) -> None:
    """table[index] = values, for distinct indices."""
    if table.is_cpu and not torch.compiler.is_compiling():
        table.numpy()[index.numpy()] = values.numpy()  # copies whole rows: twice as fast as index_copy_
    else:
        table.index_copy_(0, index, values)
