"""From an item's feature values to one vector: rows of a table, pooled inside each field, summed over the fields.

Written with its backward pass, like the rest of the step. Where the pooling is linear and the table short, items x
rows is one small dense matrix and pooling is a matrix product of static shape; otherwise the values are pooled as bags
(aten's embedding bag), whose number of values a GPU has to report first.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gru4rec.feature_fields import Entries
from gru4rec.features import ItemFeatures

aten = torch.ops.aten
SHORT = 256  # rows of a table for which a dense matrix is faster than bags
SUM, MAX = 0, 2  # aten's numbers of the modes
POOLED = ("multi", "text")  # kinds with several values an item; every pooling leaves the others as they are


class _Bags(NamedTuple):
    """Values of the items [I+1 bags], the last one ("no item") empty: offsets, rows of the table, weights, mode."""

    offsets: Tensor
    rows: Tensor
    weight: Tensor
    mode: int


class Bagged(NamedTuple):
    """What the backward pass of one `_Bags` needs."""

    rows: Tensor
    offsets: Tensor
    lengths: Tensor
    weight: Tensor | None
    mode: int
    kept: tuple[Tensor, Tensor, Tensor]


Tape = Tensor | list[Bagged]


class Tower:
    """Pools the features of a vocabulary's items; holds no weights, the table [rows, H] is given to each call."""

    def __init__(self, features: ItemFeatures, pooling_mode: str, device: torch.device, dtype: torch.dtype) -> None:
        self.rows = features.rows
        starts = np.cumsum([0, *(field.rows for field in features.fields)])
        linear, self._bags = [], []
        for field, entries, start in zip(features.fields, features.entries, starts, strict=False):
            entries = _pooled(entries, pooling_mode) if field.kind in POOLED else entries
            entries = entries._replace(rows=entries.rows + start)
            if field.kind in POOLED and pooling_mode == "max":
                self._bags.append(_bags(entries, MAX, device, dtype))
            else:
                linear.append(entries)
        self._matrix: Tensor | None = None
        if linear and not self._bags and self.rows <= SHORT:
            self._matrix = _matrix(linear, features.items, self.rows).to(device, dtype)
        elif linear:
            self._bags.append(_bags(_joined(linear), SUM, device, dtype))

    def pool(self, table: Tensor, items: Tensor) -> tuple[Tensor, Tape]:
        """Vectors [R, H] of item indices int64 [R] (I stands for "no item": zeros), and what `backward` needs."""
        if self._matrix is not None:
            chosen = self._matrix.index_select(0, items)
            return chosen @ table, chosen
        total: Tensor | None = None
        tape = []
        for bags in self._bags:
            begin, end = bags.offsets[items], bags.offsets[items + 1]
            lengths = end - begin
            offsets = torch.cumsum(lengths, 0) - lengths
            at = torch.arange(int(lengths.sum()), device=items.device)
            at += torch.repeat_interleave(begin - offsets, lengths, output_size=len(at))
            rows = bags.rows[at]
            weight = bags.weight[at] if bags.mode == SUM else None
            pooled, *kept = aten._embedding_bag(table, rows, offsets, False, bags.mode, False, weight)
            total = pooled if total is None else total + pooled
            tape.append(Bagged(rows, offsets, lengths, weight, bags.mode, (kept[0], kept[1], kept[2])))
        if total is None:
            raise ValueError("there is no feature field to pool")
        return total, tape

    def backward(self, tape: Tape, gradient: Tensor, out: Tensor) -> None:
        """Gradient [R, H] of the vectors to that of the table, written into `out` [rows, H]."""
        if isinstance(tape, Tensor):
            torch.mm(tape.t(), gradient, out=out)
            return
        out.zero_()
        for bag in tape:
            out += (_sum_backward if bag.mode == SUM else _max_backward)(bag, gradient, len(out))


def _sum_backward(bag: Bagged, gradient: Tensor, rows: int) -> Tensor:
    """Seen from a row of the table the items that read it are a bag too: sums again, over entries sorted by row."""
    order = _sorted_by_row(bag.rows, rows)
    sizes = torch.bincount(bag.rows, minlength=rows)
    owners = torch.repeat_interleave(bag.lengths, output_size=len(bag.rows))[order]
    weight = None if bag.weight is None else bag.weight[order]
    offsets = sizes.cumsum(0) - sizes
    result: Tensor = aten._embedding_bag_forward_only(gradient, owners, offsets, False, SUM, False, weight)[0]
    return result


def _max_backward(bag: Bagged, gradient: Tensor, rows: int) -> Tensor:
    kept = bag.kept
    result: Tensor = aten._embedding_bag_backward(gradient, bag.rows, bag.offsets, *kept, rows, False, MAX, False, None)
    return result


def _sorted_by_row(rows: Tensor, size: int) -> Tensor:
    if rows.is_cpu and size <= 1 << 16:  # a radix sort, eight times as fast
        return torch.from_numpy(np.argsort(rows.numpy().astype(np.uint16), kind="stable"))
    return torch.argsort(rows, stable=True)


def _pooled(entries: Entries, pooling_mode: str) -> Entries:
    """Weights that make a sum the mean over an item's values; sum and max leave them."""
    if pooling_mode != "mean":
        return entries
    lengths = np.diff(entries.offsets)
    share = np.repeat(1.0 / np.maximum(lengths, 1), lengths)
    return entries._replace(weight=entries.weight * share)


def _owners(entries: Entries) -> np.ndarray:
    return np.repeat(np.arange(len(entries.offsets) - 1), np.diff(entries.offsets))


def _joined(parts: list[Entries]) -> Entries:
    """Several fields as one: an item's entries side by side."""
    order = np.argsort(np.concatenate([_owners(part) for part in parts]), kind="stable")
    rows = np.concatenate([part.rows for part in parts])[order]
    weight = np.concatenate([part.weight for part in parts])[order]
    return Entries(np.sum([part.offsets for part in parts], axis=0), rows, weight)


def _matrix(parts: list[Entries], items: int, rows: int) -> Tensor:
    matrix = np.zeros((items + 1, rows))
    for part in parts:
        matrix[_owners(part), part.rows] = part.weight
    return torch.from_numpy(matrix)


def _bags(entries: Entries, mode: int, device: torch.device, dtype: torch.dtype) -> _Bags:
    offsets = np.append(entries.offsets, entries.offsets[-1])
    return _Bags(
        torch.from_numpy(offsets).to(device),
        torch.from_numpy(entries.rows).to(device),
        torch.from_numpy(entries.weight).to(device, dtype),
        mode,
    )
