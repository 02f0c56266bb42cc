"""Feature vectors of windows that all have the same shapes: every item's values are padded to as many as any item has.

How many values the items of a window have together would have to be asked of the device, and a captured update cannot
ask. What pads counts nothing, and stands in rows of the table that lie apart, since many add to a row at once there.
"""

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.network.feature_tower import MAX, SUM, Bags, OfBags, Tower, Vectors
from gru4rec.network.precision import Product

WIDEST = 64  # values of an item up to which bags are padded


class _Padded(NamedTuple):
    """The values of all items, or of those of a window, L an item."""

    rows: Tensor  # of the table, int64 [.., L]
    weight: Tensor  # [.., L]; of maxima 1, or 0 where an item has no value at all
    mode: int


class _Pooled(NamedTuple):
    """What the backward pass of one `_Padded` needs; of maxima the rows [R, H] that they came from."""

    bags: _Padded
    chosen: Tensor | None


class StaticTower:
    """A tower that pools windows by the same operations on the same shapes, whatever values their items have."""

    def __init__(self, tower: Tower) -> None:
        """Pad the values of all items, where they have no matrix; that of a matrix is static already."""
        self._tower = tower
        self._bags = [] if tower.matrix is not None else [_padded(bags, tower.rows) for bags in tower.bags]

    @staticmethod
    def fits(tower: Tower) -> bool:
        """Whether no item has more than WIDEST values."""
        return tower.matrix is not None or all(int(bags.offsets.diff().max()) <= WIDEST for bags in tower.bags)

    def of_window(self, table: Tensor, rows: Tensor, inputs: Tensor, candidates: int, product: Product) -> Vectors:
        """As Tower.of_window."""
        if not self._bags:
            return self._tower.of_window(table, rows, inputs, candidates, product)
        vectors, pooled = _pool(self._bags[0], table, rows)
        tape = [pooled]
        for bags in self._bags[1:]:
            more, pooled = _pool(bags, table, rows)
            vectors = vectors + more
            tape.append(pooled)
        return OfBags(vectors, partial(_backward, tape), inputs, candidates, product)


def _padded(bags: Bags, size: int) -> _Padded:
    """Bags padded to the longest: with any rows of the table, or for maxima with the bag's own first one."""
    offsets, entries = bags.offsets.cpu(), bags.rows.cpu()
    lengths = offsets.diff()
    longest = max(int(lengths.max()), 1)
    rows = torch.arange(len(lengths) * longest).remainder_(size).view(-1, longest)
    weight = torch.zeros(rows.shape, dtype=bags.weight.dtype)
    if bags.mode == MAX:
        filled = lengths > 0
        rows[filled] = entries[offsets[:-1][filled], None]
        weight[filled] = 1.0
    there = torch.arange(longest) < lengths[:, None]
    rows[there] = entries
    if bags.mode == SUM:
        weight[there] = bags.weight.cpu()
    return _Padded(rows.to(bags.rows.device), weight.to(bags.weight.device), bags.mode)


def _pool(bags: _Padded, table: Tensor, items: Tensor) -> tuple[Tensor, _Pooled]:
    """Vectors [R, H] of some items, and what the backward pass needs."""
    rows, weight = bags.rows.index_select(0, items), bags.weight.index_select(0, items)
    values = table.index_select(0, rows.flatten()).view(*rows.shape, -1)  # [R, L, H]
    own = _Padded(rows, weight, bags.mode)
    if bags.mode == SUM:
        return torch.bmm(weight[:, None, :], values)[:, 0], _Pooled(own, None)
    highest, at = values.max(dim=1)
    return highest * weight[:, :1], _Pooled(own, rows.gather(1, at))


def _backward(tape: list[_Pooled], gradient: Tensor, out: Tensor) -> None:
    """Write the table's gradient [rows, H] from that of the vectors [R, H]."""
    out.zero_()
    for (rows, weight, _), chosen in tape:
        if chosen is not None:
            out.scatter_add_(0, chosen, gradient * weight[:, :1])
        else:
            out.index_add_(0, rows.flatten(), (weight[..., None] * gradient[:, None, :]).flatten(0, 1))
