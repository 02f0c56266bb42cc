"""The output layer laid out for batch top-N: product, normaliser and best items in one pass over the catalogue.

The scores of some rows are made tile by tile of columns; while a tile is still in the cache its exponentials are summed
and its blocks' maxima are taken (`topk`). Three things ride along in the product itself and cost nothing there: the
item biases (as one more column, the states having a 1 there), the factor log2(e) / temperature, so that the
normaliser is a plain sum of powers of two, and items that nobody may be recommended, which stand behind all others:
they count in the normaliser and are never looked at again.
"""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.topk import DEPTH, SPAN, block_of, fold, limit, select, top_k

TILE = 2048  # columns scored at a time on a CPU: with 128 rows their scores are 1 MiB
ALIGNED = 8  # floats: rows of a multiple of this many are read a tenth faster
LARGEST, SMALLEST = 2.0**100, 2.0**-100  # sums outside are made again, by a way that cannot overflow


@runtime_checkable
class Linear(Protocol):
    """A scorer whose scores are hidden state · output matrixᵀ + output bias."""

    def output_matrix(self) -> Tensor:
        """Item weights [I, H]."""
        ...

    def output_bias(self) -> Tensor:
        """Item biases [I]."""
        ...


class Best(NamedTuple):
    """The best n items of R rows: scores float32 [R, n] (minus infinity where none was left), items int64 [R, n],
    and log Σ exp(score / temperature) over the whole catalogue, float32 [R]."""

    scores: NDArray[np.float32]
    items: NDArray[np.int64]
    normaliser: NDArray[np.float32]


class Seen(NamedTuple):
    """Items that R rows have seen, each pair of row and item once, int64 [N]; what is added to their scores, float32
    [N] (None: nothing); and whether they may be recommended again."""

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    added: NDArray[np.float32] | None = None
    again: bool = False


class _Added(NamedTuple):
    """Seen pairs as rows and columns of the product, int64 [N], and their scores, scaled as there, before and after
    what is added to them, [N]."""

    row: Tensor
    column: Tensor
    before: Tensor
    after: Tensor


class _Changed(NamedTuple):
    """Places of the scores, int64 [N], and what the lists are made from instead of what the product gave there, [N]."""

    row: Tensor
    column: Tensor
    score: Tensor


class Catalogue:
    """A copy of a model's output layer, in the order that batch scoring wants."""

    def __init__(self, model: Linear, temperature: float, barred: NDArray[np.bool_] | None = None) -> None:
        """Lay out the weights; barred [I]: items that must not be recommended (None: there are none)."""
        matrix, bias = model.output_matrix(), model.output_bias()
        barred = np.zeros(len(bias), dtype=bool) if barred is None else barred
        self.items = np.flatnonzero(~barred)  # of the columns that may be recommended; ascending, so ties stay in order
        self.scale = math.log2(math.e) / temperature
        order = torch.from_numpy(np.concatenate([self.items, np.flatnonzero(barred)])).to(matrix.device)
        padding = -len(self.items) % SPAN
        self.offered = len(self.items) + padding
        self.units = matrix.shape[1]
        width = self.units + 1 + -(self.units + 1) % ALIGNED
        self.weight = matrix.new_zeros(len(bias) + padding, width, dtype=torch.float32)
        self.weight[len(self.items) : self.offered, self.units] = -torch.inf
        rows = torch.cat([torch.arange(len(self.items)), torch.arange(self.offered, len(self.weight))])
        self.weight[rows.to(matrix.device), : self.units] = matrix[order].float()
        self.weight[rows.to(matrix.device), self.units] = bias[order].float()
        self.tile = TILE if matrix.device.type == "cpu" else len(self.weight)
        self.tiles = [part.t() for part in self.weight[: self.offered].split(self.tile)]
        self.scratch: tuple[Tensor, ...] = (self.weight.new_empty(0, 0),) * 3
        self.column = np.empty(len(bias), dtype=np.int64)  # of each item
        self.column[order.cpu().numpy()] = rows.numpy()

    @torch.inference_mode()
    def best(
        self,
        states: Tensor,
        n: int,
        seen: Seen | None = None,
        normalise: bool = True,
    ) -> Best:
        """The best n of the items that may be recommended.

        Args:
            states: hidden states [R, H].
            n: list length.
            seen: what the rows have seen; None: nothing, or nothing that matters.
            normalise: whether the normaliser is wanted; without it that of the answer is nan.
        """
        scaled = self.weight.new_zeros(len(states), self.weight.shape[1])
        scaled[:, : self.units] = states * self.scale
        scaled[:, self.units] = self.scale
        scores, maxima, powers = (buffer[: len(states)] for buffer in self._buffers(len(states)))
        total = scaled.new_zeros(len(states))
        parts = scores.split(self.tile, 1), maxima.split(self.tile // DEPTH, 1)
        for weight, tile, blocks in zip(self.tiles, *parts, strict=True):
            torch.mm(scaled, weight, out=tile)
            if normalise:
                total += torch.exp2(tile, out=powers[:, : tile.shape[1]]).sum(1)
            fold(tile, blocks)
        for begin in range(self.offered, len(self.weight) if normalise else 0, self.tile):
            total += torch.exp2(scaled @ self.weight[begin : begin + self.tile].t()).sum(1)
        added = None if seen is None or seen.added is None else self._added(scaled, seen)
        normaliser = np.full(len(states), np.nan, dtype=np.float32)
        if normalise:
            normaliser = self._logarithm(total, scaled, added)
        changed = None if seen is None else self._changed(seen, added)
        values, columns = self._select(scores, maxima, changed, min(n, len(self.items)))
        return Best(values / np.float32(self.scale), self.items[columns], normaliser)

    def _buffers(self, rows: int) -> tuple[Tensor, ...]:
        """Room for scores, maxima and powers of `rows` rows or more; kept, since fresh pages cost as much as a pass."""
        if len(self.scratch[0]) < rows:
            widths = (self.offered, self.offered // DEPTH, self.tile)
            self.scratch = tuple(self.weight.new_empty(rows, width) for width in widths)
        return self.scratch

    def _places(self, seen: Seen) -> tuple[Tensor, Tensor]:
        """Rows and columns of what was seen."""
        device = self.weight.device
        return torch.from_numpy(seen.row).to(device), torch.from_numpy(self.column[seen.item]).to(device)

    def _added(self, scaled: Tensor, seen: Seen) -> _Added:
        row, column = self._places(seen)
        before = (scaled[row] * self.weight[column]).sum(1)
        return _Added(row, column, before, before + torch.from_numpy(seen.added).to(before.device) * self.scale)

    def _changed(self, seen: Seen, added: _Added | None) -> _Changed | None:
        """The scores that what was seen gets, or minus infinity where it is barred; None: they stay as they are."""
        if seen.again and added is None:
            return None
        row, column = self._places(seen)
        score = added.after if seen.again and added is not None else self.weight.new_full(row.shape, -torch.inf)
        offered = column < self.offered
        return _Changed(row[offered], column[offered], score[offered])

    def _logarithm(self, total: Tensor, scaled: Tensor, added: _Added | None) -> NDArray[np.float32]:
        """log of the sums of powers, what was seen counting with its changed score.

        Rows whose sum left the safe range of float32, or is little but the difference of large numbers, are summed
        again from their maximum.
        """
        changed = total
        if added is not None:
            changed = total.index_add(0, added.row, torch.exp2(added.after) - torch.exp2(added.before))
        outside = ~((changed < LARGEST) & (changed > SMALLEST) & (changed > total / 16))
        logs = changed.log()
        if outside.any():
            scores = scaled @ self.weight.t()
            if added is not None:
                scores[added.row, added.column] = added.after
            logs[outside] = torch.logsumexp(scores[outside] * math.log(2), dim=1)
        result: NDArray[np.float32] = logs.cpu().numpy()
        return result

    def _select(
        self, scores: Tensor, maxima: Tensor, changed: _Changed | None, k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best k, the scores of what was seen being replaced first, in place."""
        if changed is not None:
            scores[changed.row, changed.column] = changed.score
        if scores.device.type != "cpu":
            values, columns = top_k(scores, k)
            return values.cpu().numpy(), columns.cpu().numpy()
        highest = maxima.numpy()
        if changed is None:
            return select(scores.numpy(), highest, limit(highest, k), k)
        # Blocks with a replaced score are not folded again: what is certainly in them makes the limit, and what they
        # held before, or hold now if that is more, decides whether they are opened.
        place = changed.row.numpy(), block_of(changed.column.numpy())
        before = highest[place]
        highest[place] = -np.inf
        np.maximum.at(highest, place, changed.score.numpy())
        least = limit(highest, k)
        np.maximum.at(highest, place, before)
        return select(scores.numpy(), highest, least, k)
