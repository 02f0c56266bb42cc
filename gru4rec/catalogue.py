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

from gru4rec.topk import DEPTH, Blocks, fold, select, top_k

TILE = 1024  # columns scored at a time on a CPU: with 128 rows their scores fill half of a second-level cache
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


class _Pairs(NamedTuple):
    """Seen pairs as rows and columns of the product, with their scores, scaled as there, before and after; all [N]."""

    row: Tensor
    column: Tensor
    before: Tensor
    after: Tensor


class Catalogue:
    """A copy of a model's output layer, in the order that batch scoring wants."""

    def __init__(self, model: Linear, temperature: float, barred: NDArray[np.bool_] | None = None) -> None:
        """Lay out the weights; barred [I]: items that must not be recommended (None: there are none)."""
        matrix, bias = model.output_matrix(), model.output_bias()
        barred = np.zeros(len(bias), dtype=bool) if barred is None else barred
        self.items = np.flatnonzero(~barred)  # of the columns that may be recommended; ascending, so ties stay in order
        self.scale = math.log2(math.e) / temperature
        order = torch.from_numpy(np.concatenate([self.items, np.flatnonzero(barred)])).to(matrix.device)
        padding = -len(self.items) % DEPTH
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
        self.blocks = Blocks.of(self.offered, self.tile)
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
        pairs = None if seen is None else self._pairs(scaled, seen)
        normaliser = np.full(len(states), np.nan, dtype=np.float32)
        if normalise:
            normaliser = self._logarithm(total, scaled, pairs)
        if seen is not None and pairs is not None:
            self._replace(scores, maxima, pairs, again=seen.again)
        values, columns = self._select(scores, maxima, min(n, len(self.items)))
        return Best(values / np.float32(self.scale), self.items[columns], normaliser)

    def _buffers(self, rows: int) -> tuple[Tensor, ...]:
        """Room for scores, maxima and powers of `rows` rows or more; kept, since fresh pages cost as much as a pass."""
        if len(self.scratch[0]) < rows:
            widths = (self.offered, self.offered // DEPTH, self.tile)
            self.scratch = tuple(self.weight.new_empty(rows, width) for width in widths)
        return self.scratch

    def _pairs(self, scaled: Tensor, seen: Seen) -> _Pairs:
        """The pairs that were seen, with their scores before and after what is added."""
        row, column = (torch.from_numpy(part).to(scaled.device) for part in (seen.row, self.column[seen.item]))
        before = (scaled[row] * self.weight[column]).sum(1)
        added = None if seen.added is None else torch.from_numpy(seen.added).to(scaled.device) * self.scale
        return _Pairs(row, column, before, before if added is None else before + added)

    def _logarithm(self, total: Tensor, scaled: Tensor, pairs: _Pairs | None) -> NDArray[np.float32]:
        """log of the sums of powers, what was seen counting with its changed score.

        Rows whose sum left the safe range of float32, or is little but the difference of large numbers, are summed
        again from their maximum.
        """
        changed = total
        if pairs is not None and pairs.after is not pairs.before:
            changed = total.index_add(0, pairs.row, torch.exp2(pairs.after) - torch.exp2(pairs.before))
        outside = ~((changed < LARGEST) & (changed > SMALLEST) & (changed > total / 16))
        logs = changed.log()
        if outside.any():
            scores = scaled @ self.weight.t()
            if pairs is not None:
                scores[pairs.row, pairs.column] = pairs.after
            logs[outside] = torch.logsumexp(scores[outside] * math.log(2), dim=1)
        result: NDArray[np.float32] = logs.cpu().numpy()
        return result

    def _replace(self, scores: Tensor, maxima: Tensor, pairs: _Pairs, *, again: bool) -> None:
        """Give what was seen its changed score, or bar it, and take the maxima of the blocks again, in place."""
        offered = pairs.column < self.offered
        row, column = pairs.row[offered], pairs.column[offered]
        scores[row, column] = pairs.after[offered] if again else -torch.inf
        tile = column // self.tile
        width = (self.offered - tile * self.tile).clamp(max=self.tile) // DEPTH
        block = tile * (self.tile // DEPTH) + column % self.tile % width
        members = self.blocks.first[block.cpu(), None] + self.blocks.step[block.cpu(), None] * np.arange(DEPTH)
        maxima[row, block] = scores[row[:, None], torch.from_numpy(members).to(scores.device)].amax(1)

    def _select(self, scores: Tensor, maxima: Tensor, n: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if scores.device.type == "cpu":
            return select(scores.numpy(), maxima.numpy(), self.blocks, n)
        values, columns = top_k(scores, n)
        return values.cpu().numpy(), columns.cpu().numpy()
