"""From an item's feature values to one vector φ: rows of a table, pooled inside each field, summed over the fields.

There are two ways, each with its backward pass by hand. Where the pooling is linear and the table T [rows, H] is short,
the values of all items are a small dense matrix M [I, rows]. Then no φ is ever computed: queries q are multiplied with
the table first, q (M T)ᵀ = (q Tᵀ) Mᵀ. Otherwise each distinct item of a window is pooled once, as a bag of rows (aten's
embedding bag); a GPU has to tell the host first how many values the bags have, but where its updates are captured
(training/update/padded_bags.py).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from gru4rec.data.feature_fields import Entries
from gru4rec.data.features import ItemFeatures
from gru4rec.network.precision import Product

aten = torch.ops.aten
SHORT = 256  # rows of a table for which a dense matrix is faster than bags
SUM, MAX = 0, 2  # aten's numbers of the modes
POOLED = ("multi", "text")  # kinds with several values an item; with one value there is nothing to pool


class Bags(NamedTuple):
    """The values of all items, I+1 bags of table rows and weights; the last bag, the empty item's, holds none."""

    offsets: Tensor
    rows: Tensor
    weight: Tensor
    mode: int


class _Bagged(NamedTuple):
    """What the backward pass of one `Bags` needs."""

    rows: Tensor
    offsets: Tensor
    lengths: Tensor
    weight: Tensor | None
    mode: int
    kept: tuple[Tensor, Tensor, Tensor]


class Vectors(Protocol):
    """The vectors φ of a window's R distinct items, the C candidates first; the backward pass takes two calls."""

    inputs: Tensor  # φ of the N inputs [N, H]

    def scores(self, queries: Tensor) -> Tensor:
        """Products [N, C] of queries [N, H] with the candidates' φ."""
        ...

    def scores_backward(self, d_scores: Tensor, queries: Tensor) -> Tensor:
        """Gradient of the queries [N, H] from that of the scores [N, C]; that of φ is kept for `finish`.

        The gradient of φ is made with the given `queries`, which may be weighted."""
        ...

    def finish(self, d_inputs: Tensor, out: Tensor) -> None:
        """Write the table's gradient [rows, H] into `out`: that from the scores, and that of the inputs [N, H]."""
        ...


class Tower:
    """Pools the features of a vocabulary's items. It holds no weights: each call is given the table [rows, H]."""

    def __init__(self, features: ItemFeatures, pooling_mode: str, device: torch.device, dtype: torch.dtype) -> None:
        self.rows = features.rows
        starts = np.cumsum([0, *(field.rows for field in features.fields)])
        linear, self.bags = [], []
        for field, entries, start in zip(features.fields, features.entries, starts, strict=False):
            entries = _pooled(entries, pooling_mode) if field.kind in POOLED else entries
            entries = entries._replace(rows=entries.rows + start)
            if field.kind in POOLED and pooling_mode == "max":
                self.bags.append(_bags(entries, MAX, device, dtype))
            else:
                linear.append(entries)
        self.matrix: Tensor | None = None
        if linear and not self.bags and self.rows <= SHORT:
            self.matrix = _matrix(linear, features.items, self.rows).to(device, dtype)
        elif linear:
            self.bags.append(_bags(_joined(linear), SUM, device, dtype))
        if self.matrix is None and not self.bags:
            raise ValueError("there is no feature field to pool")

    def pool(self, table: Tensor, items: Tensor) -> Tensor:
        """Vectors [R, H] of item indices int64 [R]; that of the empty item (index I) is zero."""
        if self.matrix is not None:
            return self.matrix.index_select(0, items) @ table
        return _pool(self.bags, table, items)[0]

    def of_window(self, table: Tensor, rows: Tensor, inputs: Tensor, candidates: int, product: Product) -> Vectors:
        """Vectors of the distinct items `rows` int64 [R], the candidates first; inputs int64 [N]: places in `rows`."""
        if self.matrix is not None:
            return _OfTable(table, self.matrix.index_select(0, rows), inputs, candidates)
        vectors, tape = _pool(self.bags, table, rows)
        return OfBags(vectors, partial(_pool_backward, tape), inputs, candidates, product)


class _OfTable:
    """Products with the table's rows, then with the items' values [R, rows]; φ itself is never computed."""

    def __init__(self, table: Tensor, values: Tensor, inputs: Tensor, candidates: int) -> None:
        self._table = table
        self._candidates, self._read = values[:candidates], values.index_select(0, inputs)
        self._gradient = table.new_empty(0)
        self.inputs = self._read @ table

    def scores(self, queries: Tensor) -> Tensor:
        return (queries @ self._table.t()) @ self._candidates.t()

    def scores_backward(self, d_scores: Tensor, queries: Tensor) -> Tensor:
        d_products = d_scores @ self._candidates  # [N, rows]
        self._gradient = d_products.t() @ queries
        return d_products @ self._table

    def finish(self, d_inputs: Tensor, out: Tensor) -> None:
        torch.addmm(self._gradient, self._read.t(), d_inputs, out=out)


class OfBags:
    """φ of all rows, each pooled once."""

    def __init__(
        self,
        vectors: Tensor,
        backward: Callable[[Tensor, Tensor], None],
        inputs: Tensor,
        candidates: int,
        product: Product,
    ) -> None:
        """vectors: φ [R, H]; backward: writes the table's gradient, given that of φ, into its second argument."""
        self._vectors, self._backward = vectors, backward
        self._gradient = vectors.new_empty(0)
        self._at, self._candidates, self._product = inputs, candidates, product
        self.inputs = self._vectors.index_select(0, inputs)

    def scores(self, queries: Tensor) -> Tensor:
        """As Vectors.scores."""
        out = queries.new_empty(len(queries), self._candidates)
        return self._product(queries, self._vectors[: self._candidates].t(), out)

    def scores_backward(self, d_scores: Tensor, queries: Tensor) -> Tensor:
        """As Vectors.scores_backward."""
        self._gradient = torch.empty_like(self._vectors)
        self._gradient[self._candidates :].zero_()
        self._product(d_scores.t(), queries, self._gradient[: self._candidates])
        return self._product(d_scores, self._vectors[: self._candidates], torch.empty_like(queries))

    def finish(self, d_inputs: Tensor, out: Tensor) -> None:
        """As Vectors.finish."""
        self._gradient.index_add_(0, self._at, d_inputs)
        self._backward(self._gradient, out)


def _pool(every: list[Bags], table: Tensor, items: Tensor) -> tuple[Tensor, list[_Bagged]]:
    """Vectors [R, H], summed over the kinds of bags, and what the backward pass needs."""
    total = table.new_zeros(0)
    tape: list[_Bagged] = []
    for bags in every:
        begin = bags.offsets.index_select(0, items)  # index_select takes a third of the time of [] here
        lengths = bags.offsets.index_select(0, items + 1) - begin
        ends = torch.cumsum(lengths, 0)
        offsets = ends - lengths
        at = torch.arange(int(ends[-1]), device=items.device)
        at += torch.repeat_interleave(begin - offsets, lengths, output_size=len(at))
        rows = bags.rows.index_select(0, at)
        weight = bags.weight.index_select(0, at) if bags.mode == SUM else None
        pooled, *kept = aten._embedding_bag(table, rows, offsets, False, bags.mode, False, weight)
        total = total + pooled if tape else pooled
        tape.append(_Bagged(rows, offsets, lengths, weight, bags.mode, (kept[0], kept[1], kept[2])))
    return total, tape


def _pool_backward(tape: list[_Bagged], gradient: Tensor, out: Tensor) -> None:
    """Write the table's gradient [rows, H] from that of the vectors [R, H]."""
    for number, bag in enumerate(tape):
        part = (_sum_backward if bag.mode == SUM else _max_backward)(bag, gradient, len(out))
        out.copy_(part) if number == 0 else out.add_(part)


def _sum_backward(bag: _Bagged, gradient: Tensor, rows: int) -> Tensor:
    """For a row of the table, the items that read it are a bag too: this sums over entries sorted by row."""
    order = _sorted_by_row(bag.rows, rows)
    sizes = torch.bincount(bag.rows, minlength=rows)
    owners = torch.repeat_interleave(bag.lengths, output_size=len(bag.rows)).index_select(0, order)
    weight = None if bag.weight is None else bag.weight.index_select(0, order)
    offsets = sizes.cumsum(0) - sizes
    result: Tensor = aten._embedding_bag_forward_only(gradient, owners, offsets, False, SUM, False, weight)[0]
    return result


def _max_backward(bag: _Bagged, gradient: Tensor, rows: int) -> Tensor:
    kept = bag.kept
    result: Tensor = aten._embedding_bag_backward(gradient, bag.rows, bag.offsets, *kept, rows, False, MAX, False, None)
    return result


def _sorted_by_row(rows: Tensor, size: int) -> Tensor:
    if rows.is_cpu and size <= 1 << 16:  # a radix sort, eight times as fast
        return torch.from_numpy(np.argsort(rows.numpy().astype(np.uint16), kind="stable"))
    return torch.argsort(rows, stable=True)


def _pooled(entries: Entries, pooling_mode: str) -> Entries:
    """With pooling by mean, weights that turn the sum over an item's values into their mean."""
    if pooling_mode != "mean":
        return entries
    lengths = np.diff(entries.offsets)
    share = np.repeat(1.0 / np.maximum(lengths, 1), lengths)
    return entries._replace(weight=entries.weight * share)


def _owners(entries: Entries) -> np.ndarray:
    return np.repeat(np.arange(len(entries.offsets) - 1), np.diff(entries.offsets))


def _joined(parts: list[Entries]) -> Entries:
    """Several fields as one: the entries of an item stand together."""
    order = np.argsort(np.concatenate([_owners(part) for part in parts]), kind="stable")
    rows = np.concatenate([part.rows for part in parts])[order]
    weight = np.concatenate([part.weight for part in parts])[order]
    return Entries(np.sum([part.offsets for part in parts], axis=0), rows, weight)


def _matrix(parts: list[Entries], items: int, rows: int) -> Tensor:
    matrix = np.zeros((items + 1, rows))
    for part in parts:
        matrix[_owners(part), part.rows] = part.weight
    return torch.from_numpy(matrix)


def _bags(entries: Entries, mode: int, device: torch.device, dtype: torch.dtype) -> Bags:
    offsets = np.append(entries.offsets, entries.offsets[-1])
    return Bags(
        torch.from_numpy(offsets).to(device),
        torch.from_numpy(entries.rows).to(device),
        torch.tensor(entries.weight, dtype=dtype, device=device),  # a copy: Arrow's may only be read
        mode,
    )
